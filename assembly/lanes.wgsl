// The arithmetic that bodies share, as in lanes.ts: four elements at a time, constants as numbers.

fn toward(m: vec4f, x: vec4f, rest: f32) -> vec4f {
  return m + rest * (x - m);
}

fn squared(v: vec4f, x: vec4f, decay: f32, rest: f32) -> vec4f {
  return decay * v + rest * (x * x);
}

fn overRoot(m: vec4f, v: vec4f, root: f32, eps: f32) -> vec4f {
  return m / (sqrt(v + root) + eps);
}

// By its bits: a device may take it for granted that no number is a NaN.
fn isNan(x: vec4f) -> vec4<bool> {
  return (bitcast<vec4u>(x) & vec4u(0x7fffffffu)) > vec4u(0x7f800000u);
}
