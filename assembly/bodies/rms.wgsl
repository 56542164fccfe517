fn adadelta(x: vec4f, p: vec4f, eG: ptr<function, vec4f>, eX: ptr<function, vec4f>, rho: f32, rest: f32, eps: f32) -> vec4f {
  *eG = squared(*eG, x, rho, rest);
  let y = sqrt(*eX + eps) / sqrt(*eG + eps) * x;
  *eX = squared(*eX, y, rho, rest);
  return y;
}

fn rms(x: vec4f, p: vec4f, nu: ptr<function, vec4f>, decay: f32, rest: f32, eps: f32) -> vec4f {
  *nu = squared(*nu, x, decay, rest);
  return x / sqrt(*nu + eps);
}

fn rss(x: vec4f, p: vec4f, sumOfSquares: ptr<function, vec4f>, eps: f32) -> vec4f {
  *sumOfSquares = *sumOfSquares + x * x;
  // Where nothing was ever summed x is zero, or so small that its square is.
  return select(vec4f(), x / sqrt(*sumOfSquares + eps), (*sumOfSquares > vec4f()) | isNan(x));
}

fn stddev(x: vec4f, p: vec4f, mu: ptr<function, vec4f>, nu: ptr<function, vec4f>, decay: f32, rest: f32, eps: f32) -> vec4f {
  *mu = toward(*mu, x, rest);
  *nu = squared(*nu, x, decay, rest);
  // Not max(): a NaN stays.
  let variance = *nu - *mu * *mu;
  return x / sqrt(select(variance, vec4f(), variance < vec4f()) + eps);
}
