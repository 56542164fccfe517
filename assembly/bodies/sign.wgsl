fn lion(x: vec4f, p: vec4f, mu: ptr<function, vec4f>, odds: f32, b2: f32, rest2: f32) -> vec4f {
  let c = odds * *mu + x;
  *mu = b2 * *mu + rest2 * x;
  return select(sign(c), c, isNan(c));
}
