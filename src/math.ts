// Arithmetic that gives the same bits on every JavaScript engine. Math.pow, exp, log, sin and cos differ between engines
// in their last place, so nothing in the library calls them; +, -, *, /, %, Math.floor and Math.round have one result by
// the language. Series are loops instead of lists of coefficients: fewer bytes, and a step needs a handful of values.
//
// A bound in ulp is a measured one, rounded up: the worst of 5·10^7 arguments or more against 113-bit arithmetic.

// ln 2 in two parts: a multiple of the first by an exponent of two is exact.
const ln2High = Math.fround(Math.LN2);
const ln2Low = -1.904654299957768e-9;

/**
 * e^x, within 0.9 ulp; 0 below -745.2, Infinity above 709.8.
 *
 * 2^k · e^r with |r| <= ln 2 / 2
 */
export function exp(x: number): number {
  const bounded = Math.max(-746, Math.min(x, 710));
  const k = Math.round(bounded / Math.LN2);
  const high = bounded - k * ln2High;
  const low = k * ln2Low;
  const r = high - low;
  let tail = 0; // r/2! + r²/3! + …
  for (let n = 14; n > 1; n--) tail = ((tail + 1) * r) / n;
  const power = 1 + (high - (low - r * tail));
  // 2^k in two factors: alone it may be out of range, and a subnormal result is to be rounded once.
  const two = k < 0 ? 0.5 : 2;
  return k ? power * two * powInt(two, Math.abs(k) - 1) : power;
}

/**
 * The natural logarithm, within 0.95 ulp; -Infinity at 0, NaN below.
 *
 * k · ln 2 + ln(1 + t) with 1 + t from 0.69 to 1.38, and ln(1 + t) = 2 · artanh(f) with f = t / (2 + t)
 */
export function ln(x: number): number {
  if (!(x > 0 && x < Infinity)) return x < 0 ? NaN : x === 0 ? -Infinity : x;
  let m = x;
  let k = 0;
  for (; m > 1.38; k++) m /= 2;
  for (; m < 0.69; k--) m *= 2;
  const t = m - 1;
  const f = t / (m + 1);
  let tail = 0; // 2f²/3 + 2f⁴/5 + …
  for (let n = 23; n > 1; n -= 2) tail = (tail + 2 / n) * f * f;
  // 2f = t - f · t, and t is exact.
  return k * ln2High + (t - (f * (t - tail) - k * ln2Low));
}

/**
 * base^n by squaring. The relative error is at most (n - 1) · 2^-53, which is what n - 1 plain products would have.
 *
 * @param n an integer from 0 to 2^53
 */
export function powInt(base: number, n: number): number {
  let power = 1;
  let square = base;
  for (; n > 0x7fffffff; n = Math.floor(n / 2)) {
    if (n & 1) power *= square;
    square *= square;
  }
  // Integers from here on: a third of the time, and every step of Adam comes by here twice.
  for (let rest = n | 0; rest > 0; rest >>= 1) {
    if (rest & 1) power *= square;
    square *= square;
  }
  return power;
}

/**
 * x^y for x >= 0 and finite y, with Math.pow's values at 0, 1 and Infinity.
 *
 * For an integer y the relative error is below |y| · 2^-53 (and a result below 2^-1022 may be 0 where y < 0), else it is
 * below (1 + 1.25 · |y · ln x|) · 2^-52: 3e-16 near 1, 2e-13 at the ends of the range.
 */
export function pow(x: number, y: number): number {
  if (!Number.isInteger(y)) return exp(y * ln(x));
  return y < 0 ? 1 / powInt(x, -y) : powInt(x, y);
}

/**
 * sin(π(|x| + quarters / 2)); a zero is +0.
 *
 * |x| is reduced without rounding to within 1/4 of a multiple of 1/2: % is exact, and so is the difference below, since its
 * terms are within a factor of two of each other (or one is 0).
 */
function wave(x: number, quarters: number): number {
  const turn = Math.abs(x) % 2;
  const nearest = Math.round(2 * turn);
  const angle = Math.PI * (turn - nearest / 2);
  const quadrant = nearest + quarters;
  const odd = quadrant % 2;
  const first = odd ? 1 : angle;
  let rest = 0; // 1 - cos(angle), or 1 - sin(angle) / angle
  for (let n = 17 - odd; n > 1; n -= 2) rest = (angle * angle * (1 - rest)) / (n * (n - 1));
  const value = first - first * rest;
  return (quadrant & 2 ? -value : value) + 0;
}

/** cos(πx) for finite x, within 1.9 ulp, however large x is; a zero is +0. */
export const cosPi = (x: number): number => wave(x, 1);

/** sin(πx) for finite x, within 1.9 ulp, however large x is; a zero has the sign of x. */
export const sinPi = (x: number): number => wave(x, 0) * Math.sign(x);
