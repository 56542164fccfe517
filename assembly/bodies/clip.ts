// Bodies that bound single elements.

export function clip(x: v128, p: v128, delta: v128): v128 {
  // In this order a NaN in x is kept: pmin and pmax give their first operand where the comparison is false.
  return f32x4.pmax(f32x4.pmin(x, delta), f32x4.neg(delta));
}

export function zeroNans(x: v128, p: v128): v128 {
  return v128.and(x, f32x4.eq(x, x));
}
