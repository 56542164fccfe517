fn flush(x: vec4f) -> vec4f {
  return select(x, vec4f(), abs(x) < vec4f(0x1p-100f));
}
