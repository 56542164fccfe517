// The arithmetic that bodies and kernels share, four f32 lanes at a time.

/** (1 − rest)·m + rest·x, as m + rest·(x − m): one constant, not two. */
// @ts-ignore: decorator
@inline
export function toward(m: v128, x: v128, rest: v128): v128 {
  return f32x4.add(m, f32x4.mul(rest, f32x4.sub(x, m)));
}

/**
 * decay·v + rest·x², for second moments. Not v + rest·(x² − v): where x² overflows,
 * the next step would compute Inf − Inf.
 */
// @ts-ignore: decorator
@inline
export function squared(v: v128, x: v128, decay: v128, rest: v128): v128 {
  return f32x4.add(f32x4.mul(decay, v), f32x4.mul(rest, f32x4.mul(x, x)));
}

/**
 * m / (√(v + root) + eps). Division and root are the floor of every loop that has them; a reciprocal by an integer guess and
 * three steps of Newton's takes 1.7 times as long as the whole loop of Adam.
 */
// @ts-ignore: decorator
@inline
export function overRoot(m: v128, v: v128, root: v128, eps: v128): v128 {
  return f32x4.div(m, f32x4.add(f32x4.sqrt(f32x4.add(v, root)), eps));
}
