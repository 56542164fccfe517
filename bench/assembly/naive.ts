// The step as a library of tensor operations runs it: a pass over the memory for each operation, with what lies between
// two of them in a plane of its own. The passes themselves use SIMD.
//
// Every plane begins on a 64-byte line and is a whole number of lines long. All pointers and lengths are in bytes.

export { sumOfSquares } from "./adamw";

const VECTOR: usize = 16;

/** to ← factor·from */
export function scale(to: usize, from: usize, bytes: usize, factor: f32): void {
  const f = f32x4.splat(factor);
  for (let i: usize = 0; i < bytes; i += VECTOR) v128.store(to + i, f32x4.mul(f, v128.load(from + i)));
}

/** m ← m + weight·(g − m) */
export function firstMoment(m: usize, g: usize, bytes: usize, weight: f32): void {
  const w = f32x4.splat(weight);
  for (let i: usize = 0; i < bytes; i += VECTOR) {
    const mean = v128.load(m + i);
    v128.store(m + i, f32x4.add(mean, f32x4.mul(w, f32x4.sub(v128.load(g + i), mean))));
  }
}

/** v ← b2·v + weight·g² */
export function secondMoment(v: usize, g: usize, bytes: usize, b2: f32, weight: f32): void {
  const d = f32x4.splat(b2);
  const w = f32x4.splat(weight);
  for (let i: usize = 0; i < bytes; i += VECTOR) {
    const x = v128.load(g + i);
    v128.store(v + i, f32x4.add(f32x4.mul(d, v128.load(v + i)), f32x4.mul(w, f32x4.mul(x, x))));
  }
}

/** x ← √(x + epsRoot) + eps */
export function root(x: usize, bytes: usize, epsRoot: f32, eps: f32): void {
  const r = f32x4.splat(epsRoot);
  const e = f32x4.splat(eps);
  for (let i: usize = 0; i < bytes; i += VECTOR) {
    v128.store(x + i, f32x4.add(f32x4.sqrt(f32x4.add(v128.load(x + i), r)), e));
  }
}

/** x ← x / by */
export function divide(x: usize, by: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += VECTOR) v128.store(x + i, f32x4.div(v128.load(x + i), v128.load(by + i)));
}

/** x ← x + factor·y */
export function addScaled(x: usize, y: usize, bytes: usize, factor: f32): void {
  const f = f32x4.splat(factor);
  for (let i: usize = 0; i < bytes; i += VECTOR) {
    v128.store(x + i, f32x4.add(v128.load(x + i), f32x4.mul(f, v128.load(y + i))));
  }
}
