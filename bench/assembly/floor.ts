// What a rule's divisions and roots take, whatever else a loop does: as many of them as over `lines` lines of 64 bytes, on
// registers, none waiting for another. Four vectors a line, one division and one root each.

export function roots(lines: i32): f32 {
  const one = f32x4.splat(1);
  let x = one;
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (; lines > 0; lines--) {
    s0 = f32x4.add(s0, f32x4.div(one, f32x4.sqrt(x)));
    s1 = f32x4.add(s1, f32x4.div(x, f32x4.sqrt(f32x4.add(x, one))));
    s2 = f32x4.add(s2, f32x4.div(s0, f32x4.sqrt(f32x4.add(x, x))));
    s3 = f32x4.add(s3, f32x4.div(s1, f32x4.sqrt(f32x4.mul(x, x))));
    x = f32x4.add(x, one);
  }
  return f32x4.extract_lane(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)), 0);
}

/** In double precision; a normal number for each two of single precision: as many vectors. */
export function doubleRoots(lines: i32): f64 {
  const one = f64x2.splat(1);
  let x = one;
  let s0 = f64x2.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  for (; lines > 0; lines--) {
    s0 = f64x2.add(s0, f64x2.div(one, f64x2.sqrt(x)));
    s1 = f64x2.add(s1, f64x2.div(x, f64x2.sqrt(f64x2.add(x, one))));
    s2 = f64x2.add(s2, f64x2.div(s0, f64x2.sqrt(f64x2.add(x, x))));
    s3 = f64x2.add(s3, f64x2.div(s1, f64x2.sqrt(f64x2.mul(x, x))));
    x = f64x2.add(x, one);
  }
  return f64x2.extract_lane(f64x2.add(f64x2.add(s0, s1), f64x2.add(s2, s3)), 0);
}
