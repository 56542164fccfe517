// Bodies of which only a sign comes out.

/**
 * What comes out is made with b1, what is kept with b2. Of (1 − b1)·(odds·m + x), with odds b1/(1 − b1), the sign alone is
 * wanted. Not `toward`: after an infinity it would compute Inf − Inf, where the sign of a mean stays.
 */
export function lion(x: v128, p: v128, mu: usize, odds: v128, b2: v128, rest2: v128): v128 {
  const m = v128.load(mu);
  const c = f32x4.add(f32x4.mul(odds, m), x);
  v128.store(mu, f32x4.add(f32x4.mul(b2, m), f32x4.mul(rest2, x)));
  // One of the two is 0, and where c is NaN all bits are set, a NaN: see yogi.
  const zero = f32x4.splat(0);
  const rises = v128.and(f32x4.splat(1), f32x4.gt(c, zero));
  const falls = v128.and(f32x4.splat(-1), f32x4.lt(c, zero));
  return v128.or(v128.or(rises, falls), f32x4.ne(c, c));
}
