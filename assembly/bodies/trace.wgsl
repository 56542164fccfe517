fn trace(x: vec4f, p: vec4f, trace: ptr<function, vec4f>, decay: f32) -> vec4f {
  *trace = x + decay * *trace;
  return *trace;
}

fn nesterov(x: vec4f, p: vec4f, trace: ptr<function, vec4f>, decay: f32) -> vec4f {
  *trace = x + decay * *trace;
  return x + decay * *trace;
}
