fn adam(x: vec4f, p: vec4f, mu: ptr<function, vec4f>, nu: ptr<function, vec4f>, rest1: f32, b2: f32, rest2: f32, root: f32, eps: f32) -> vec4f {
  *mu = toward(*mu, x, rest1);
  *nu = squared(*nu, x, b2, rest2);
  return overRoot(*mu, *nu, root, eps);
}

fn adamax(x: vec4f, p: vec4f, mu: ptr<function, vec4f>, nu: ptr<function, vec4f>, rest1: f32, b2: f32, eps: f32) -> vec4f {
  *mu = toward(*mu, x, rest1);
  // Not max(): a NaN in x stays.
  let now = abs(x) + eps;
  let before = b2 * *nu;
  let largest = select(now, before, before > now);
  *nu = largest;
  return *mu / largest;
}

fn belief(x: vec4f, p: vec4f, mu: ptr<function, vec4f>, nu: ptr<function, vec4f>, rest1: f32, b2: f32, surprise: f32, root: f32, eps: f32) -> vec4f {
  let d = x - *mu;
  *mu = *mu + rest1 * d;
  *nu = squared(*nu, d, b2, surprise) + root;
  return *mu / (sqrt(*nu) + eps);
}

fn momentum(x: vec4f, p: vec4f, mu: ptr<function, vec4f>, nu: ptr<function, vec4f>, rest1: f32, b2: f32, rest2: f32) -> vec4f {
  *mu = toward(*mu, x, rest1);
  *nu = squared(*nu, x, b2, rest2);
  return *mu;
}

fn yogi(x: vec4f, p: vec4f, mu: ptr<function, vec4f>, nu: ptr<function, vec4f>, rest1: f32, rest2: f32, root: f32, eps: f32) -> vec4f {
  *mu = toward(*mu, x, rest1);
  let square = x * x;
  let t = rest2 * square;
  let d = *nu - square;
  // Where d is neither, it is 0 or NaN.
  *nu = *nu + select(select(d, t, d < vec4f()), -t, d > vec4f());
  return overRoot(*mu, *nu, root, eps);
}
