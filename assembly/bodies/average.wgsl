fn ema(x: vec4f, p: vec4f, ema: ptr<function, vec4f>, rest: f32) -> vec4f {
  *ema = toward(*ema, x, rest);
  return *ema;
}

fn average(x: vec4f, p: vec4f, average: ptr<function, vec4f>, rate: f32) -> vec4f {
  *average = toward(*average, p + x, rate);
  return x;
}

fn lookahead(x: vec4f, p: vec4f, slow: ptr<function, vec4f>, rate: f32) -> vec4f {
  *slow = toward(*slow, p + x, rate);
  return *slow - p;
}
