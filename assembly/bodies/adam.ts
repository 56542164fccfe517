// Bodies of the Adam family. A body computes four lanes of one rule: the incoming update x, the parameter p,
// pointers (bytes) to its slots, its constants. No loop, no branch, no call: the linker joins bodies into loops.
// Bias corrections are folded into the constants and into a factor behind the body: src/updates/adam.ts.

import { overRoot, squared, toward } from "../lanes";

export function adam(x: v128, p: v128, mu: usize, nu: usize, rest1: v128, b2: v128, rest2: v128, root: v128, eps: v128): v128 {
  const m = toward(v128.load(mu), x, rest1);
  const v = squared(v128.load(nu), x, b2, rest2);
  v128.store(mu, m);
  v128.store(nu, v);
  return overRoot(m, v, root, eps);
}

/**
 * The second moment is the largest magnitude, not a mean of squares. In this order pmax keeps a NaN in x; one that was there
 * before stays in the first moment, and so in what comes out. (With max, which keeps both, the loop takes 1.2 to 1.4 times as long.)
 */
export function adamax(x: v128, p: v128, mu: usize, nu: usize, rest1: v128, b2: v128, eps: v128): v128 {
  const m = toward(v128.load(mu), x, rest1);
  const v = f32x4.pmax(f32x4.add(f32x4.abs(x), eps), f32x4.mul(b2, v128.load(nu)));
  v128.store(mu, m);
  v128.store(nu, v);
  return f32x4.div(m, v);
}

/** The new moment lies at m + rest1·d, so the surprise x − (m + rest1·d) is b1·d: `surprise` is (1 − b2)·b1². */
export function belief(x: v128, p: v128, mu: usize, nu: usize, rest1: v128, b2: v128, surprise: v128, root: v128, eps: v128): v128 {
  const m0 = v128.load(mu);
  const d = f32x4.sub(x, m0);
  const m = f32x4.add(m0, f32x4.mul(rest1, d));
  const v = f32x4.add(squared(v128.load(nu), d, b2, surprise), root);
  v128.store(mu, m);
  v128.store(nu, v);
  return f32x4.div(m, f32x4.add(f32x4.sqrt(v), eps));
}

/** The first steps of RAdam, while the variance of the second moment is not tractable: momentum alone. */
export function momentum(x: v128, p: v128, mu: usize, nu: usize, rest1: v128, b2: v128, rest2: v128): v128 {
  const m = toward(v128.load(mu), x, rest1);
  v128.store(mu, m);
  v128.store(nu, squared(v128.load(nu), x, b2, rest2));
  return m;
}

export function yogi(x: v128, p: v128, mu: usize, nu: usize, rest1: v128, rest2: v128, root: v128, eps: v128): v128 {
  const m = toward(v128.load(mu), x, rest1);
  const v0 = v128.load(nu);
  const square = f32x4.mul(x, x);
  const t = f32x4.mul(rest2, square);
  const d = f32x4.sub(v0, square);
  // v − sign(d)·t: one of the two terms is 0, and where d is NaN all bits are set, a NaN. (The sign bit of a NaN
  // differs between processors; selections take half as many instructions again.)
  const zero = f32x4.splat(0);
  const rises = v128.and(t, f32x4.lt(d, zero));
  const falls = v128.and(t, f32x4.gt(d, zero));
  const v = v128.or(f32x4.sub(f32x4.add(v0, rises), falls), f32x4.ne(d, d));
  v128.store(mu, m);
  v128.store(nu, v);
  return overRoot(m, v, root, eps);
}
