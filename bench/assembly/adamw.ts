// Clipping by global norm, Adam, decoupled decay and apply as one would write them by hand: the peer that the linked
// loop is held against. The same arithmetic, folded in the same way, in the same order.
//
// Every plane begins on a 64-byte line and is a whole number of lines long: 16 parameters, four vectors, an iteration.
// All pointers and lengths are in bytes.

const LINE: usize = 64;
/** Gradients whose squares are summed in single precision before the sum goes on in double precision. */
const BLOCK: usize = 4096 * sizeof<f32>();

function addSquares(sum: v128, x: v128): v128 {
  return f32x4.add(sum, f32x4.mul(x, x));
}

/** Moves `mean` towards `x` by the share `weight`. */
function towards(mean: v128, x: v128, weight: v128): v128 {
  return f32x4.add(mean, f32x4.mul(weight, f32x4.sub(x, mean)));
}

/** a·x + b·y */
function combine(a: v128, x: v128, b: v128, y: v128): v128 {
  return f32x4.add(f32x4.mul(a, x), f32x4.mul(b, y));
}

/** mean / (√(square + epsRoot) + eps) */
function direction(mean: v128, square: v128, epsRoot: v128, eps: v128): v128 {
  return f32x4.div(mean, f32x4.add(f32x4.sqrt(f32x4.add(square, epsRoot)), eps));
}

/** The sum of the squares of the gradients. */
export function sumOfSquares(g: usize, bytes: usize): f64 {
  let total: f64 = 0;
  const end = g + bytes;
  while (g < end) {
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    const blockEnd = min(g + BLOCK, end);
    do {
      s0 = addSquares(s0, v128.load(g, 0));
      s1 = addSquares(s1, v128.load(g, 16));
      s2 = addSquares(s2, v128.load(g, 32));
      s3 = addSquares(s3, v128.load(g, 48));
      g += LINE;
    } while (g < blockEnd);
    const s = f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3));
    total += <f64>f32x4.extract_lane(s, 0);
    total += <f64>f32x4.extract_lane(s, 1);
    total += <f64>f32x4.extract_lane(s, 2);
    total += <f64>f32x4.extract_lane(s, 3);
  }
  return total;
}

/** One step over `bytes` bytes of each plane, at least a line; `factor` is what clipping leaves of a gradient. */
export function adamw(
  p: usize,
  g: usize,
  m: usize,
  v: usize,
  bytes: usize,
  factor: f32,
  oneMinusB1: f32,
  b2: f32,
  oneMinusB2: f32,
  epsRoot: f32,
  eps: f32,
  alpha: f32,
  beta: f32,
): void {
  const c = f32x4.splat(factor);
  const w1 = f32x4.splat(oneMinusB1);
  const d2 = f32x4.splat(b2);
  const w2 = f32x4.splat(oneMinusB2);
  const r = f32x4.splat(epsRoot);
  const e = f32x4.splat(eps);
  const a = f32x4.splat(alpha);
  const b = f32x4.splat(beta);
  const end = p + bytes;
  do {
    // The offset of a load must be a literal to become an immediate of the instruction, so the four stand side by side.
    let x = f32x4.mul(c, v128.load(g, 0));
    let mean = towards(v128.load(m, 0), x, w1);
    let square = combine(d2, v128.load(v, 0), w2, f32x4.mul(x, x));
    let param = v128.load(p, 0);
    v128.store(m, mean, 0);
    v128.store(v, square, 0);
    v128.store(p, f32x4.add(param, combine(a, direction(mean, square, r, e), b, param)), 0);

    x = f32x4.mul(c, v128.load(g, 16));
    mean = towards(v128.load(m, 16), x, w1);
    square = combine(d2, v128.load(v, 16), w2, f32x4.mul(x, x));
    param = v128.load(p, 16);
    v128.store(m, mean, 16);
    v128.store(v, square, 16);
    v128.store(p, f32x4.add(param, combine(a, direction(mean, square, r, e), b, param)), 16);

    x = f32x4.mul(c, v128.load(g, 32));
    mean = towards(v128.load(m, 32), x, w1);
    square = combine(d2, v128.load(v, 32), w2, f32x4.mul(x, x));
    param = v128.load(p, 32);
    v128.store(m, mean, 32);
    v128.store(v, square, 32);
    v128.store(p, f32x4.add(param, combine(a, direction(mean, square, r, e), b, param)), 32);

    x = f32x4.mul(c, v128.load(g, 48));
    mean = towards(v128.load(m, 48), x, w1);
    square = combine(d2, v128.load(v, 48), w2, f32x4.mul(x, x));
    param = v128.load(p, 48);
    v128.store(m, mean, 48);
    v128.store(v, square, 48);
    v128.store(p, f32x4.add(param, combine(a, direction(mean, square, r, e), b, param)), 48);

    p += LINE;
    g += LINE;
    m += LINE;
    v += LINE;
  } while (p < end);
}
