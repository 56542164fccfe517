fn lion(x: vec4f, p: vec4f, mu: ptr<function, vec4f>, rest1: f32, rest2: f32) -> vec4f {
  let c = toward(*mu, x, rest1);
  *mu = toward(*mu, x, rest2);
  return select(sign(c), c, isNan(c));
}
