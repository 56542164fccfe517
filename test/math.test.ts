import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cosPi, exp, ln, pow, powInt, sinPi } from "../src/math.js";

// The oracle: fixed-point numbers with so many binary digits that every double is exact.
const digits = 1200n;
const one = 1n << digits;
const times = (a: bigint, b: bigint): bigint => (a * b) >> digits;

function fixed(x: number): bigint {
  let exponent = 0;
  let scaled = x;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    exponent++;
  }
  return (BigInt(scaled) << digits) >> BigInt(exponent);
}

function ulp(x: number): number {
  let unit = 2 ** -1074;
  while (unit * 2 ** 53 <= Math.abs(x)) unit *= 2;
  return unit;
}

/** The distance of a double from the oracle's value, in units of the double's last place. */
function ulps(x: number, value: bigint): number {
  return Number(((fixed(x) - value) * 1000n) / fixed(ulp(x))) / 1000;
}

/** Sum of x^n / n! over n = first, first + by, … with alternating signs if `alternate`. */
function series(x: bigint, first: number, by: number, alternate: boolean): bigint {
  let term = first === 0 ? one : x;
  let sum = 0n;
  for (let n = first, sign = 1n; term !== 0n; n += by, sign = alternate ? -sign : sign) {
    sum += sign * term;
    for (let i = 1; i <= by; i++) term = times(term, x) / BigInt(n + i);
  }
  return sum;
}

function exactExp(x: number): bigint {
  let power = series(fixed(x) >> 10n, 0, 1, false);
  for (let i = 0; i < 10; i++) power = times(power, power);
  return power;
}

/** atan(1 / n), for Machin's π. */
function arcCot(n: bigint): bigint {
  let power = one / n;
  let sum = 0n;
  for (let k = 1n, sign = 1n; power !== 0n; k += 2n, sign = -sign) {
    sum += (sign * power) / k;
    power /= n * n;
  }
  return sum;
}
const pi = 4n * (4n * arcCot(5n) - arcCot(239n));
const exactCosPi = (x: number): bigint => series(times(fixed(x) % (2n * one), pi), 0, 2, true);
const exactSinPi = (x: number): bigint => series(times(fixed(x) % (2n * one), pi), 1, 2, true);

const runs = { numRuns: 300, seed: 7 };
const double = (min: number, max: number) => fc.double({ min, max, noNaN: true });

describe("powInt", () => {
  it("is exact where the result is", () => {
    expect(powInt(3, 0)).toBe(1);
    expect(powInt(0, 0)).toBe(1);
    expect(powInt(0, 5)).toBe(0);
    expect(powInt(-3, 5)).toBe(-243);
    expect(powInt(2, 1023)).toBe(2 ** 1023);
    expect(powInt(0.5, 1074)).toBe(2 ** -1074);
    expect(powInt(2, 1024)).toBe(Infinity);
    expect(powInt(1, 2 ** 53)).toBe(1);
    expect(powInt(-1, 2 ** 53 - 1)).toBe(-1);
    expect(powInt(0.999, 2 ** 53)).toBe(0);
  });

  it("is within (n - 1) · 2^-53 of the power", () => {
    fc.assert(
      fc.property(double(0.5, 2), fc.integer({ min: 1, max: 400 }), (base, n) => {
        const x = fixed(base);
        let power = one;
        for (let i = 0; i < n; i++) power = times(power, x);
        const error = fixed(powInt(base, n)) - power;
        // One digit more, for the truncations of the oracle.
        const bound = (power * BigInt(n - 1)) / 2n ** 53n + BigInt(n) * (power / 2n ** 100n + 1n);
        return (error < 0n ? -error : error) <= bound;
      }),
      runs,
    );
  });
});

describe("exp and ln", () => {
  it("exp is within 1 ulp", () => {
    fc.assert(
      fc.property(double(-700, 700), (x) => Math.abs(ulps(exp(x), exactExp(x))) <= 1),
      runs,
    );
  });

  it("ln is within 1 ulp", () => {
    fc.assert(
      fc.property(double(1e-300, 1e300), (x) => {
        const y = ln(x);
        if (y === 0) return x === 1;
        // y + δ = ln(x), where δ = (x - e^y) / e^y up to δ².
        const power = exactExp(y);
        const delta = ((fixed(x) - power) << digits) / power;
        return Math.abs(ulps(y, fixed(y) + delta)) <= 1;
      }),
      runs,
    );
  });

  it("have the right values at the ends", () => {
    expect(exp(0)).toBe(1);
    expect(exp(-Infinity)).toBe(0);
    expect(exp(Infinity)).toBe(Infinity);
    expect(exp(710)).toBe(Infinity);
    expect(exp(-746)).toBe(0);
    expect(exp(NaN)).toBeNaN();
    expect(ln(1)).toBe(0);
    expect(ln(0)).toBe(-Infinity);
    expect(ln(Infinity)).toBe(Infinity);
    expect(ln(-1)).toBeNaN();
    expect(ln(NaN)).toBeNaN();
  });
});

describe("pow", () => {
  it.each([0, 1, Infinity])("has Math.pow's values at %f", (x) => {
    for (const y of [0, 1, 2, 3, 0.5, 1.5, -1, -2, -0.5, 1e300, -1e300]) expect([y, pow(x, y)]).toEqual([y, x ** y]);
  });

  it("is within (2 + |y · ln x|) · 2^-52, or |y| · 2^-53 for an integer y, of Math.pow", () => {
    const y = fc.oneof(double(-50, 50), fc.integer({ min: -50, max: 50 }));
    fc.assert(
      fc.property(double(1e-5, 1e5), y, (x, y) => {
        const bound = Number.isInteger(y) ? Math.abs(y) / 2 : 2 + Math.abs(y * Math.log(x));
        // One unit more, for Math.pow.
        return Math.abs(pow(x, y) / x ** y - 1) <= (bound + 1) * 2 ** -52;
      }),
      runs,
    );
  });

  it("is NaN for a root of a negative number", () => {
    expect(pow(-1, 0.5)).toBeNaN();
  });
});

describe("cosPi and sinPi", () => {
  const angle = fc.oneof(double(-4, 4), double(-1e12, 1e12), double(-1e-300, 1e-300));

  it("cosPi is within 2 ulp", () => {
    fc.assert(
      fc.property(angle, (x) => Math.abs(ulps(cosPi(x), exactCosPi(x))) <= 2),
      runs,
    );
  });

  it("sinPi is within 2 ulp", () => {
    fc.assert(
      fc.property(angle, (x) => Math.abs(ulps(sinPi(x), exactSinPi(x))) <= 2),
      runs,
    );
  });

  it("are exact at multiples of 1/2", () => {
    const cosines = [1, 0, -1, 0];
    for (let i = 0; i <= 8; i++) {
      expect(cosPi(i / 2)).toBe(cosines[i % 4]);
      expect(cosPi(-i / 2)).toBe(cosines[i % 4]);
      expect(sinPi(i / 2)).toBe(cosines[(i + 3) % 4]);
      expect(sinPi(-i / 2)).toBe(i % 2 === 0 ? -0 : -cosines[(i + 3) % 4]!);
    }
    expect(cosPi(2 ** 53 - 1)).toBe(-1);
    expect(cosPi(Number.MAX_VALUE)).toBe(1);
    expect(sinPi(-Number.MAX_VALUE)).toBe(-0);
  });

  it("are symmetric to the bit", () => {
    fc.assert(
      fc.property(double(-1e6, 1e6), (x) => {
        expect(cosPi(-x)).toBe(cosPi(x));
        expect(sinPi(-x)).toBe(-sinPi(x));
      }),
      runs,
    );
  });

  it("are NaN where there is no angle", () => {
    for (const x of [Infinity, -Infinity, NaN]) {
      expect(cosPi(x)).toBeNaN();
      expect(sinPi(x)).toBeNaN();
    }
  });
});

it("gives the same bits on every engine", () => {
  // FNV-1a over the bits of 8000 results; arguments from a linear congruential generator.
  const bits = new Uint32Array(2);
  const result = new Float64Array(bits.buffer);
  let hash = 0x811c9dc5;
  let seed = 1;
  const next = (low: number, high: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return low + (high - low) * (seed / 2 ** 32);
  };
  for (let i = 0; i < 8000; i++) {
    const calls = [
      () => exp(next(-745, 709)),
      () => ln(next(0, 1e3)),
      () => powInt(next(0.9, 1.1), Math.floor(next(0, 5000))),
      () => pow(next(0, 10), next(-20, 20)),
      () => cosPi(next(-100, 100)),
      () => sinPi(next(-100, 100)),
    ];
    result[0] = calls[i % calls.length]!();
    for (const word of bits) hash = Math.imul(hash ^ word, 0x01000193) >>> 0;
  }
  expect(hash).toBe(1352773960);
});
