// Bodies of momentum as a decaying sum.

export function trace(x: v128, p: v128, trace: usize, decay: v128): v128 {
  const t = f32x4.add(x, f32x4.mul(decay, v128.load(trace)));
  v128.store(trace, t);
  return t;
}

export function nesterov(x: v128, p: v128, trace: usize, decay: v128): v128 {
  const t = f32x4.add(x, f32x4.mul(decay, v128.load(trace)));
  v128.store(trace, t);
  return f32x4.add(x, f32x4.mul(decay, t));
}
