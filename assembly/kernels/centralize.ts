import { sumValues } from "./reduce";

/**
 * out ← a·x − mean(a·x) over each of `rows` rows of `columns` elements; without `centered` out ← a·x.
 * `out`, `x`: bytes, may be the same; rows lie behind one another, at any alignment.
 */
export function centralize(out: usize, x: usize, rows: usize, columns: usize, centered: bool, a: f32): void {
  const _a = f32x4.splat(a);
  for (; rows > 0; rows--) {
    const mean: f32 = centered ? <f32>(sumValues(x, columns, a) / <f64>columns) : 0;
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
