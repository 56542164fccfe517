// Philox4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
// Four counters at a time, a lane each.

/** The low words of the four 64-bit products. */
// @ts-ignore: decorator
@inline
function low(c: v128, factor: v128): v128 {
  return v128.shuffle<i32>(i64x2.extmul_low_i32x4_u(c, factor), i64x2.extmul_high_i32x4_u(c, factor), 0, 2, 4, 6);
}

// @ts-ignore: decorator
@inline
function high(c: v128, factor: v128): v128 {
  return v128.shuffle<i32>(i64x2.extmul_low_i32x4_u(c, factor), i64x2.extmul_high_i32x4_u(c, factor), 1, 3, 5, 7);
}

/**
 * Ten rounds over the counters (counter … counter + 3, c1, c2, c3) with the key (k0, k1): their four 32-bit words each,
 * one counter's behind the other's. `out`: 64 bytes.
 */
// @ts-ignore: decorator
@inline
export function philox(out: usize, counter: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32): void {
  const left = i32x4.splat(0xd2511f53);
  const right = i32x4.splat(0xcd9e8d57);
  let w0 = i32x4.add(i32x4.splat(counter), i32x4(0, 1, 2, 3));
  let w1 = i32x4.splat(c1);
  let w2 = i32x4.splat(c2);
  let w3 = i32x4.splat(c3);
  for (let round = 0; round < 10; round++) {
    const v0 = v128.xor(v128.xor(high(w2, right), w1), i32x4.splat(k0));
    const v2 = v128.xor(v128.xor(high(w0, left), w3), i32x4.splat(k1));
    w1 = low(w2, right);
    w3 = low(w0, left);
    w0 = v0;
    w2 = v2;
    k0 += 0x9e3779b9;
    k1 += 0xbb67ae85;
  }
  // From words of four counters to counters of four words.
  const a = v128.shuffle<i32>(w0, w1, 0, 4, 1, 5);
  const b = v128.shuffle<i32>(w2, w3, 0, 4, 1, 5);
  const c = v128.shuffle<i32>(w0, w1, 2, 6, 3, 7);
  const d = v128.shuffle<i32>(w2, w3, 2, 6, 3, 7);
  v128.store(out, v128.shuffle<i64>(a, b, 0, 2));
  v128.store(out, v128.shuffle<i64>(a, b, 1, 3), 16);
  v128.store(out, v128.shuffle<i64>(c, d, 0, 2), 32);
  v128.store(out, v128.shuffle<i64>(c, d, 1, 3), 48);
}
