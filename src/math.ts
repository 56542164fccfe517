// Arithmetic that gives the same bits on every JavaScript engine. Math.pow, exp, log, sin and cos differ between engines
// in their last place, so nothing in the library calls them; +, -, *, /, % and Math.floor are exact by the language.
import stdlibExp from "@stdlib/math-base-special-exp";
import kernelCos from "@stdlib/math-base-special-kernel-cos";
import kernelSin from "@stdlib/math-base-special-kernel-sin";
import stdlibLn from "@stdlib/math-base-special-ln";

/** e^x, within 1 ulp; 0 below -745.2, Infinity above 709.8. */
export const exp: (x: number) => number = stdlibExp;

/** The natural logarithm, within 1 ulp; -Infinity at 0, NaN below. */
export const ln: (x: number) => number = stdlibLn;

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
 * below (2 + |y · ln x|) · 2^-52: 1e-15 near 1, 2e-13 at the ends of the range.
 */
export function pow(x: number, y: number): number {
  if (!Number.isInteger(y)) return exp(y * ln(x));
  return y < 0 ? 1 / powInt(x, -y) : powInt(x, y);
}

// The arguments of cosPi and sinPi are reduced without rounding: % is exact, and so is each difference below, since its
// terms are within a factor of two of each other. The kernels take angles up to π/4.

/** cos(πx) for finite x, within 2 ulp, however large x is; a zero is +0. */
export function cosPi(x: number): number {
  const turn = Math.abs(x) % 2;
  const half = turn > 1 ? 2 - turn : turn;
  const quarter = half > 0.5 ? 1 - half : half;
  const cosine = quarter > 0.25 ? kernelSin(Math.PI * (0.5 - quarter), 0) : kernelCos(Math.PI * quarter, 0);
  return half > 0.5 ? -cosine : cosine;
}

/** sin(πx) for finite x, within 2 ulp, however large x is; a zero has the sign of x. */
export function sinPi(x: number): number {
  const turn = Math.abs(x) % 2;
  const half = turn >= 1 ? turn - 1 : turn;
  if (half === 0) return 0 * x;
  const quarter = half > 0.5 ? 1 - half : half;
  const sine = quarter > 0.25 ? kernelCos(Math.PI * (0.5 - quarter), 0) : kernelSin(Math.PI * quarter, 0);
  return turn >= 1 === x < 0 ? sine : -sine;
}
