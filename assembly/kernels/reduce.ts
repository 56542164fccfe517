// Sums of squares over one leaf, the same on every engine: sixteen f32 lanes over a block of 4096 elements, the lanes added in a
// fixed order, the blocks in f64; what is left behind the last sixteen, one by one in f64.
//
//   element of a block   0 … 3   4 … 7   8 … 11   12 … 15   16 … 19   …
//   accumulator          a0      a1      a2       a3        a0        …
//   block                f64: (s₀ + s₁) + (s₂ + s₃), s = (a0 + a1) + (a2 + a3)

// Two or four blocks side by side, as more streams of memory, gain nothing in cache and take 1.4 to 1.8 times as long at
// 16 M.

const BLOCK: usize = 4096;

/** What four elements, and one, add: x², or with `decayed` (a·x + b·p)². */
// @ts-ignore: decorator
@inline
function lanes(x: usize, p: usize, a: v128, b: v128, decayed: bool): v128 {
  let value = v128.load(x);
  if (decayed) value = f32x4.add(f32x4.mul(a, value), f32x4.mul(b, v128.load(p)));
  return f32x4.mul(value, value);
}

// @ts-ignore: decorator
@inline
function single(x: usize, p: usize, a: f32, b: f32, decayed: bool): f32 {
  let value = load<f32>(x);
  if (decayed) value = a * value + b * load<f32>(p);
  return value * value;
}

// @ts-ignore: decorator
@inline
function sum(x: usize, p: usize, length: usize, a: f32, b: f32, decayed: bool): f64 {
  const _a = f32x4.splat(a);
  const _b = f32x4.splat(b);
  let total: f64 = 0;
  while (length >= 16) {
    let count = min(length, BLOCK) & ~15;
    length -= count;
    let a0 = f32x4.splat(0);
    let a1 = a0;
    let a2 = a0;
    let a3 = a0;
    for (; count > 0; count -= 16, x += 64, p += 64) {
      a0 = f32x4.add(a0, lanes(x, p, _a, _b, decayed));
      a1 = f32x4.add(a1, lanes(x + 16, p + 16, _a, _b, decayed));
      a2 = f32x4.add(a2, lanes(x + 32, p + 32, _a, _b, decayed));
      a3 = f32x4.add(a3, lanes(x + 48, p + 48, _a, _b, decayed));
    }
    const s = f32x4.add(f32x4.add(a0, a1), f32x4.add(a2, a3));
    total +=
      (<f64>f32x4.extract_lane(s, 0) + <f64>f32x4.extract_lane(s, 1)) +
      (<f64>f32x4.extract_lane(s, 2) + <f64>f32x4.extract_lane(s, 3));
  }
  for (; length > 0; length--, x += 4, p += 4) total += <f64>single(x, p, a, b, decayed);
  return total;
}

/** Σ x². `x`: bytes; `length`: elements. */
export function sumSquares(x: usize, length: usize): f64 {
  return sum(x, 0, length, 1, 0, false);
}

/** Σ (a·x + b·p)². `x`, `p`: bytes; `length`: elements. */
export function sumSquaresDecayed(x: usize, p: usize, length: usize, a: f32, b: f32): f64 {
  return sum(x, p, length, a, b, true);
}

/** The largest |x|, 0 of none; NaN where there is one. `x`: bytes; `length`: elements. */
export function maxMagnitude(x: usize, length: usize): f32 {
  let lanes = f32x4.splat(0);
  for (; length >= 4; length -= 4, x += 16) lanes = f32x4.max(lanes, f32x4.abs(v128.load(x)));
  let most = max(
    max(f32x4.extract_lane(lanes, 0), f32x4.extract_lane(lanes, 1)),
    max(f32x4.extract_lane(lanes, 2), f32x4.extract_lane(lanes, 3)),
  );
  for (; length > 0; length--, x += 4) most = max(most, abs(load<f32>(x)));
  return most;
}

/** Whether an x is NaN or infinite: x − x is not 0 then. `x`: bytes; `length`: elements. */
export function hasNonFinite(x: usize, length: usize): bool {
  let sum = f32x4.splat(0);
  for (; length >= 4; length -= 4, x += 16) {
    const v = v128.load(x);
    sum = f32x4.add(sum, f32x4.sub(v, v));
  }
  let rest: f32 = 0;
  for (; length > 0; length--, x += 4) rest += load<f32>(x) - load<f32>(x);
  return v128.any_true(f32x4.ne(sum, sum)) || rest != rest;
}
