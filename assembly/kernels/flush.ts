/**
 * |x| < 2^-100 → 0. Decaying state of dead units ends in subnormal numbers, which make every step 2 to 3.5 times
 * slower and which WebAssembly cannot flush. `begin`, `end`: bytes, on 64-byte lines.
 */
export function flush(begin: usize, end: usize): void {
  const smallest = f32x4.splat(7.888609052210118e-31); // 2^-100
  for (; begin < end; begin += 16) {
    const x = v128.load(begin);
    v128.store(begin, v128.andnot(x, f32x4.lt(f32x4.abs(x), smallest)));
  }
}
