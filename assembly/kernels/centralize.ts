/**
 * out ← a·x − mean(a·x) over each of `rows` rows of `columns` elements; without `centered` out ← a·x.
 * `out`, `x`: bytes, may be the same; rows lie behind one another, at any alignment.
 */
export function centralize(out: usize, x: usize, rows: usize, columns: usize, centered: bool, a: f32): void {
  const _a = f32x4.splat(a);
  for (; rows > 0; rows--) {
    const mean: f32 = centered ? <f32>(rowSum(x, columns, a) / <f64>columns) : 0;
    const _mean = f32x4.splat(mean);
    let count = columns;
    for (; count >= 4; count -= 4, x += 16, out += 16) {
      v128.store(out, f32x4.sub(f32x4.mul(_a, v128.load(x)), _mean));
    }
    for (; count > 0; count--, x += 4, out += 4) {
      store<f32>(out, a * load<f32>(x) - mean);
    }
  }
}

/** Σ a·x in f64: elements 4i and 4i + 2 in one lane, 4i + 1 and 4i + 3 in the other, then the rest one by one. */
function rowSum(x: usize, count: usize, a: f32): f64 {
  const _a = f32x4.splat(a);
  let sum = f64x2.splat(0);
  for (; count >= 4; count -= 4, x += 16) {
    const v = f32x4.mul(_a, v128.load(x));
    const high = v128.shuffle<i64>(v, v, 1, 0);
    sum = f64x2.add(sum, f64x2.add(f64x2.promote_low_f32x4(v), f64x2.promote_low_f32x4(high)));
  }
  let total = f64x2.extract_lane(sum, 0) + f64x2.extract_lane(sum, 1);
  for (; count > 0; count--, x += 4) total += <f64>(a * load<f32>(x));
  return total;
}
