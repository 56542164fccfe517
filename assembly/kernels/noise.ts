// Gaussian noise: Philox words through the transform of Box and Muller (1958), two pairs at a time in f64, so that the
// result is right to the last place of f32 also where the logarithm is close to zero. The series end at 3e-9.

import { philox } from "./philox";

// @ts-ignore: decorator
@inline
function c(value: f64): v128 {
  return f64x2.splat(value);
}

// @ts-ignore: decorator
@inline
function step(sum: v128, t: v128, coefficient: f64): v128 {
  return f64x2.add(f64x2.mul(sum, t), c(coefficient));
}

/** ln u for u in (0, 1): u = m·2^k with m in [√½, √2), ln m = 2·artanh(f), f = (m − 1)/(m + 1); within 3e-9. */
// @ts-ignore: decorator
@inline
function ln(u: v128): v128 {
  const root = i64x2.splat(0x3fe6a09e667f3bcd); // the bits of √½
  const k = i64x2.shr_s(i64x2.sub(u, root), 52);
  const m = i64x2.sub(u, i64x2.shl(k, 52));
  const f = f64x2.div(f64x2.sub(m, c(1)), f64x2.add(m, c(1)));
  const s = f64x2.mul(f, f);
  let sum = c(1.0 / 9.0);
  sum = step(sum, s, 1.0 / 7.0);
  sum = step(sum, s, 1.0 / 5.0);
  sum = step(sum, s, 1.0 / 3.0);
  sum = step(sum, s, 1.0);
  const exponent = f64x2.convert_low_i32x4_s(v128.shuffle<i32>(k, k, 0, 2, 0, 2));
  return f64x2.add(f64x2.mul(exponent, c(0.6931471805599453)), f64x2.mul(f64x2.add(f, f), sum));
}

/** Two pairs of words → [√(−2 ln u₁)·cos 2πu₂, √(−2 ln u₁)·sin 2πu₂] for each: four normal numbers as f32. */
// @ts-ignore: decorator
@inline
function gaussian(words: v128): v128 {
  const first = f64x2.convert_low_i32x4_u(v128.shuffle<i32>(words, words, 0, 2, 0, 2));
  const second = f64x2.convert_low_i32x4_u(v128.shuffle<i32>(words, words, 1, 3, 1, 3));
  const u1 = f64x2.mul(f64x2.add(first, c(0.5)), c(2.0 ** -32));
  const radius = f64x2.sqrt(f64x2.mul(c(-2), ln(u1)));

  // 2πu₂ = q·π/2 + t with |t| ≤ π/4; adding 1.5·2^52 leaves q in the low bits.
  const quarters = f64x2.mul(second, c(2.0 ** -30));
  const q = f64x2.nearest(quarters);
  const t = f64x2.mul(f64x2.sub(quarters, q), c(1.5707963267948966));
  const bits = f64x2.add(q, c(6755399441055744.0));
  const s = f64x2.mul(t, t);
  let sin = c(1.0 / 362880.0);
  sin = step(sin, s, -1.0 / 5040.0);
  sin = step(sin, s, 1.0 / 120.0);
  sin = step(sin, s, -1.0 / 6.0);
  sin = f64x2.mul(step(sin, s, 1.0), t);
  let cos = c(-1.0 / 3628800.0);
  cos = step(cos, s, 1.0 / 40320.0);
  cos = step(cos, s, -1.0 / 720.0);
  cos = step(cos, s, 1.0 / 24.0);
  cos = step(cos, s, -0.5);
  cos = step(cos, s, 1.0);

  const one = i64x2.splat(1);
  const two = i64x2.splat(2);
  const odd = i64x2.neg(v128.and(bits, one));
  const x = v128.xor(v128.bitselect(sin, cos, odd), i64x2.shl(v128.and(i64x2.add(bits, one), two), 62));
  const y = v128.xor(v128.bitselect(cos, sin, odd), i64x2.shl(v128.and(bits, two), 62));
  return v128.shuffle<i32>(
    f32x4.demote_f64x2_zero(f64x2.mul(radius, x)),
    f32x4.demote_f64x2_zero(f64x2.mul(radius, y)),
    0, 4, 1, 5,
  );
}

/** Where the words of four counters stand: 64 bytes that no plane has, as planes begin at 1024. */
const WORDS: usize = 0;

/**
 * out ← a·x + sigma·z, z normal: elements 4i … 4i + 3 of a leaf take the four words of the counter (i, leaf, step, rule).
 * `out`, `x`: bytes, may be the same; `length`: elements, up to fifteen behind it are written (padding).
 */
export function addNoise(
  out: usize, x: usize, length: usize, a: f32, sigma: f32,
  key0: u32, key1: u32, leaf: u32, count: u32, rule: u32,
): void {
  const _a = f32x4.splat(a);
  const _sigma = f32x4.splat(sigma);
  for (let i: usize = 0; i << 2 < length; i += 4) {
    philox(WORDS, <u32>i, leaf, count, rule, key0, key1);
    for (let at = WORDS; at < WORDS + 64; at += 16, x += 16, out += 16) {
      v128.store(out, f32x4.add(f32x4.mul(_a, v128.load(x)), f32x4.mul(_sigma, gaussian(v128.load(at)))));
    }
  }
}
