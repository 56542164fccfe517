// As noise.ts, a counter at a time and with other series: the logarithm is that of √½ to √2, by a division, and angles are
// within an eighth of a turn. What the words lose in f32 is taken from integers, so that the logarithm is right where it
// comes close to zero, and the turns are exact.

fn multiplyHigh(a: u32, b: u32) -> u32 {
  let low = (a & 0xffffu) * (b & 0xffffu);
  let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
  let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
  return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u);
}

fn philox(counter: vec4u, key: vec2u) -> vec4u {
  var c = counter;
  var k = key;
  for (var round = 0; round < 10; round++) {
    c = vec4u(
      multiplyHigh(0xcd9e8d57u, c.z) ^ c.y ^ k.x,
      0xcd9e8d57u * c.z,
      multiplyHigh(0xd2511f53u, c.x) ^ c.w ^ k.y,
      0xd2511f53u * c.x,
    );
    k += vec2u(0x9e3779b9u, 0xbb67ae85u);
  }
  return c;
}

// −ln((word + ½)/2^32). Above √½ from what is missing to 1, which is exact; below, what f32 rounds is small beside k·ln 2.
fn minusLn(word: u32) -> f32 {
  var m = (f32(word) + 0.5) * 0x1p-32f;
  var k = 0.0;
  if (m < 0.70710678) {
    let parts = frexp(m);
    let low = parts.fract < 0.70710678;
    m = select(parts.fract, 2.0 * parts.fract, low);
    k = f32(select(parts.exp, parts.exp - 1, low));
  }
  let missing = select(1.0 - m, (f32(~word) + 0.5) * 0x1p-32f, k == 0.0);
  let f = missing / (2.0 - missing);
  let s = f * f;
  let sum = 1.0 + s * (1.0 / 3.0 + s * (0.2 + s * (1.0 / 7.0 + s * (1.0 / 9.0))));
  return 2.0 * f * sum - k * 0.69314718;
}

// Two words → two normal numbers.
fn pair(first: u32, second: u32) -> vec2f {
  let radius = sqrt(2.0 * minusLn(first));
  let q = (second + 0x20000000u) >> 30u;
  let t = f32(bitcast<i32>(second - (q << 30u))) * (1.5707963 * 0x1p-30f);
  let s = t * t;
  let sine = t * (1.0 + s * (-1.0 / 6.0 + s * (1.0 / 120.0 + s * (-1.0 / 5040.0 + s / 362880.0))));
  let cosine = 1.0 + s * (-0.5 + s * (1.0 / 24.0 + s * (-1.0 / 720.0 + s * (1.0 / 40320.0 - s / 3628800.0))));
  let turned = select(vec2f(cosine, sine), vec2f(-sine, cosine), (q & 1u) == 1u);
  return radius * select(turned, -turned, (q & 2u) == 2u);
}

fn addNoise(x: vec4f, counter: vec4u, key: vec2u, sigma: f32) -> vec4f {
  let words = philox(counter, key);
  return x + sigma * vec4f(pair(words.x, words.y), pair(words.z, words.w));
}
