// Bodies of the rules that divide by a root of squared updates.

import { squared, toward } from "../lanes";

/** √(2^24·a / b) · 2^−12 for √a / √b: one root less; for a from 1e-6 to 2^104 no digit is lost, however large b is. */
export function adadelta(x: v128, p: v128, eG: usize, eX: usize, rho: v128, rest: v128, eps: v128): v128 {
  const g = squared(v128.load(eG), x, rho, rest);
  const before = v128.load(eX);
  const a = f32x4.mul(f32x4.add(before, eps), f32x4.splat(<f32>(1 << 24)));
  const root = f32x4.sqrt(f32x4.div(a, f32x4.add(g, eps)));
  const y = f32x4.mul(f32x4.mul(root, f32x4.splat(1 / <f32>(1 << 12))), x);
  v128.store(eG, g);
  v128.store(eX, squared(before, y, rho, rest));
  return y;
}

export function rms(x: v128, p: v128, nu: usize, decay: v128, rest: v128, eps: v128): v128 {
  const v = squared(v128.load(nu), x, decay, rest);
  v128.store(nu, v);
  return f32x4.div(x, f32x4.sqrt(f32x4.add(v, eps)));
}

export function rss(x: v128, p: v128, sumOfSquares: usize, eps: v128): v128 {
  const s = f32x4.add(v128.load(sumOfSquares), f32x4.mul(x, x));
  v128.store(sumOfSquares, s);
  // Where nothing was ever summed the answer is zero: x / Inf, so that a NaN in x is kept.
  const root = f32x4.sqrt(f32x4.add(s, eps));
  return f32x4.div(x, v128.bitselect(root, f32x4.splat(f32.POSITIVE_INFINITY), f32x4.gt(s, f32x4.splat(0))));
}

export function stddev(x: v128, p: v128, mu: usize, nu: usize, decay: v128, rest: v128, eps: v128): v128 {
  const m = toward(v128.load(mu), x, rest);
  const v = squared(v128.load(nu), x, decay, rest);
  v128.store(mu, m);
  v128.store(nu, v);
  // Rounding can make v − m² negative. In this order pmax keeps NaN; max takes six instructions on x86, half as long again.
  const variance = f32x4.pmax(f32x4.sub(v, f32x4.mul(m, m)), f32x4.splat(0));
  return f32x4.div(x, f32x4.sqrt(f32x4.add(variance, eps)));
}
