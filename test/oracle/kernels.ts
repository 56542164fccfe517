// The kernels of assembly/kernels, one element at a time, rounded as they round.

const f = Math.fround;
const BLOCK = 4096;
const LANES = 16;

/** assembly/kernels/reduce.ts, over any terms: sixteen f32 lanes over blocks of 4096, lanes and blocks in f64; the rest one by one. */
export function sum(length: number, term: (i: number) => number): number {
  let total = 0;
  let at = 0;
  while (length - at >= LANES) {
    const end = at + Math.floor(Math.min(length - at, BLOCK) / LANES) * LANES;
    const lanes = new Float32Array(LANES);
    for (; at < end; at += LANES) {
      for (let lane = 0; lane < LANES; lane++) lanes[lane]! += term(at + lane);
    }
    const s = (lane: number) => f(f(lanes[lane]! + lanes[lane + 4]!) + f(lanes[lane + 8]! + lanes[lane + 12]!));
    total += s(0) + s(1) + (s(2) + s(3));
  }
  for (; at < length; at++) total += term(at);
  return total;
}

export const sumSquares = (x: Float32Array): number => sum(x.length, (i) => f(x[i]! * x[i]!));

/** The largest |x|; NaN where there is one. */
export const maxMagnitude = (x: Float32Array): number =>
  x.reduce((most, value) => (Number.isNaN(most) ? most : Math.max(most, Math.abs(value))), 0);

/** Σ (a·x + b·p)², a and b rounded to f32. */
export function sumSquaresDecayed(x: Float32Array, p: Float32Array, a: number, b: number): number {
  const [fa, fb] = [f(a), f(b)];
  return sum(x.length, (i) => {
    const mixed = f(f(fa * x[i]!) + f(fb * p[i]!));
    return f(mixed * mixed);
  });
}

/** assembly/kernels/centralize.ts: Σ x, sixteen elements in four f32 lanes, those in f64; the rest one by one. */
function rowSum(x: Float32Array): number {
  const lanes = [0, 0, 0, 0];
  let at = 0;
  for (; at + 16 <= x.length; at += 16) {
    for (let lane = 0; lane < 4; lane++) {
      const [a, b, c, d] = [0, 4, 8, 12].map((vector) => x[at + vector + lane]!) as [number, number, number, number];
      lanes[lane]! += f(f(a + b) + f(c + d));
    }
  }
  let total = lanes[0]! + lanes[2]! + (lanes[1]! + lanes[3]!);
  for (; at < x.length; at++) total += x[at]!;
  return total;
}

/** out ← a·x − mean(a·x), row by row over all axes but the first; a leaf of rank 0 or 1 is only multiplied. */
export function centralize(out: Float32Array, x: Float32Array, shape: readonly number[], a: number): void {
  const rows = shape.length > 1 ? shape[0]! : 1;
  const columns = x.length / rows;
  for (let begin = 0; begin < x.length; begin += columns) {
    const row = x.subarray(begin, begin + columns);
    const mean = shape.length > 1 ? f((f(a) * rowSum(row)) / columns) : 0;
    for (let i = 0; i < columns; i++) out[begin + i] = f(f(a * row[i]!) - mean);
  }
}

/** |x| < 2^-100 → 0 */
export function flush(x: Float32Array): void {
  for (let i = 0; i < x.length; i++) if (Math.abs(x[i]!) < 2 ** -100) x[i] = 0;
}
