// Not clamp(): where a comparison is false, for a NaN too, x stays.
fn clip(x: vec4f, p: vec4f, delta: f32) -> vec4f {
  let high = vec4f(delta);
  let low = select(x, high, high < x);
  return select(low, -high, low < -high);
}

fn zeroNans(x: vec4f, p: vec4f) -> vec4f {
  return select(x, vec4f(), isNan(x));
}
