/**
 * out ← a·x − mean(a·x) over each of `rows` rows of `columns` elements; without `centered` out ← a·x.
 * `out`, `x`: bytes, may be the same; rows lie behind one another, at any alignment.
 */
export function centralize(out: usize, x: usize, rows: usize, columns: usize, centered: bool, a: f32): void {
  const _a = f32x4.splat(a);
  for (; rows > 0; rows--) {
    const mean: f32 = centered ? <f32>(<f64>a * rowSum(x, columns) / <f64>columns) : 0;
    const _mean = f32x4.splat(mean);
    let count = columns;
    for (; count >= 16; count -= 16, x += 64, out += 64) {
      v128.store(out, f32x4.sub(f32x4.mul(_a, v128.load(x)), _mean));
      v128.store(out, f32x4.sub(f32x4.mul(_a, v128.load(x, 16)), _mean), 16);
      v128.store(out, f32x4.sub(f32x4.mul(_a, v128.load(x, 32)), _mean), 32);
      v128.store(out, f32x4.sub(f32x4.mul(_a, v128.load(x, 48)), _mean), 48);
    }
    for (; count > 0; count--, x += 4, out += 4) {
      store<f32>(out, a * load<f32>(x) - mean);
    }
  }
}

/** Σ x: sixteen elements in four f32 lanes, those in four f64 lanes; the rest one by one. */
function rowSum(x: usize, count: usize): f64 {
  let low = f64x2.splat(0);
  let high = low;
  for (; count >= 16; count -= 16, x += 64) {
    const s = f32x4.add(
      f32x4.add(v128.load(x), v128.load(x, 16)),
      f32x4.add(v128.load(x, 32), v128.load(x, 48)),
    );
    low = f64x2.add(low, f64x2.promote_low_f32x4(s));
    high = f64x2.add(high, f64x2.promote_low_f32x4(v128.shuffle<i64>(s, s, 1, 0)));
  }
  const sum = f64x2.add(low, high);
  let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
  for (; count > 0; count--, x += 4) total += <f64>load<f32>(x);
  return total;
}
