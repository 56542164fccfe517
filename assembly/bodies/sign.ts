// Bodies of which only a sign comes out.

import { toward } from "../lanes";

/** What comes out is made with b1, what is kept with b2. */
export function lion(x: v128, p: v128, mu: usize, rest1: v128, rest2: v128): v128 {
  const m = v128.load(mu);
  const c = toward(m, x, rest1);
  v128.store(mu, toward(m, x, rest2));
  // One of the two is 0, and where c is NaN all bits are set, a NaN: see yogi.
  const zero = f32x4.splat(0);
  const rises = v128.and(f32x4.splat(1), f32x4.gt(c, zero));
  const falls = v128.and(f32x4.splat(-1), f32x4.lt(c, zero));
  return v128.or(v128.or(rises, falls), f32x4.ne(c, c));
}
