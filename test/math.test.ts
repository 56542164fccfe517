import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cosPi, exp, ln, pow, powInt, sinPi } from "../src/math.ts";

// The oracle: fixed-point numbers with so many binary digits that every double is exact.
const digits = 1200n;
const one = 1n << digits;
const times = (a: bigint, b: bigint): bigint => (a * b) >> digits;

function fixed(x: number): bigint {
  if (!Number.isFinite(x)) throw new RangeError(`${x} has no digits`);
  let exponent = 0;
  let scaled = x;
  while (!Number.isInteger(scaled)) {
    scaled *= 2;
    exponent++;
  }
  return (BigInt(scaled) << digits) >> BigInt(exponent);
}

// Doubles in their order: the bits of one are its place.
const place = new BigInt64Array(1);
const placed = new Float64Array(place.buffer);

/** The double `count` places above x >= 0. */
function above(x: number, count: number): number {
  placed[0] = x;
  place[0]! += BigInt(count);
  return placed[0];
}

/** How many places two doubles of the same sign are apart. */
function apart(a: number, b: number): number {
  placed[0] = a;
  const first = place[0]!;
  placed[0] = b;
  return Math.abs(Number(place[0]! - first));
}

const ulp = (x: number): number => above(Math.abs(x), 1) - Math.abs(x);

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

function powerOfE(x: bigint): bigint {
  let power = series(x >> 10n, 0, 1, false);
  for (let i = 0; i < 10; i++) power = times(power, power);
  return power;
}
const exactExp = (x: number): bigint => powerOfE(fixed(x));

/** y + (x - e^y) / e^y, a step of Newton's: it doubles the digits of y. */
function exactLn(x: number): bigint {
  const y = Math.log(x);
  const power = exactExp(y);
  return fixed(y) + ((fixed(x) - power) << digits) / power;
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
const double = (min: number, max: number) => fc.double({ min, max, noNaN: true }); // every exponent as often
const uniform = (min: number, max: number) =>
  fc.integer({ min: 0, max: 2 ** 32 - 1 }).map((i) => min + ((max - min) * i) / 2 ** 32);

/** Fails where f is past the bound, and where all inputs are so easy that nothing was checked. */
function within(bound: number, f: (x: number) => number, exact: (x: number) => bigint, inputs: fc.Arbitrary<number>) {
  let worst = 0;
  const check = (x: number) => {
    const error = Math.abs(ulps(f(x), exact(x)));
    worst = Math.max(worst, error);
    expect(error, `${f.name}(${x})`).toBeLessThanOrEqual(bound);
  };
  fc.assert(fc.property(inputs, check), { ...runs, numRuns: 400 });
  expect(worst).toBeGreaterThan(0.45);
}

/** f does not fall (with sign -1, not rise) from a double to the next, for 200 on either side of each center. */
function expectMonotone(f: (x: number) => number, centers: readonly number[], sign = 1) {
  for (const center of centers) {
    for (let i = -200, last = Number.NaN; i <= 200; i++) {
      const x = center < 0 ? -above(-center, -i) : above(center, i);
      const y = f(x);
      if (sign * y < sign * last) expect.fail(`${f.name} turns at ${x}: ${last}, ${y}`);
      last = y;
    }
  }
}
const from = (first: number, last: number, step = 1): number[] =>
  Array.from({ length: Math.floor((last - first) / step) + 1 }, (_, i) => first + i * step);

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

describe("exp", () => {
  it.each([
    ["anywhere", uniform(-745.2, 709.7)],
    ["near 0", fc.oneof(uniform(-1, 1), double(-1e-3, 1e-3))],
    ["where the result is subnormal", uniform(-745.1, -708.4)],
    ["where the result is huge", uniform(690, 709.78)],
    ["at the worst arguments known", fc.constantFrom(172.9406481920837, -206.86935412650985, 315.7416180198784)],
  ])("is within 0.9 ulp %s", (_, x) => within(0.9, exp, exactExp, x));

  it("is within 2 places of Math.exp", () => {
    expect(from(-745, 709.7, 0.02).filter((x) => apart(exp(x), Math.exp(x)) > 2)).toEqual([]);
  });

  it("is monotone where the power of two changes", () => {
    for (const k of from(-20.5, 20.5)) expectMonotone(exp, [k * Math.LN2]);
    expectMonotone(exp, [
      -1074.5 * Math.LN2,
      1023.5 * Math.LN2,
      1e-300,
      1e-16,
      -1e-16,
      -1e-300,
      ...from(-1, 1, 1 / 64).filter((x) => x !== 0),
    ]);
  });

  it("has the published values", () => {
    expect(apart(exp(1), Math.E)).toBeLessThanOrEqual(1);
    expect(apart(exp(10), 22026.465794806718)).toBeLessThanOrEqual(1);
    expect(apart(exp(-1), 0.36787944117144233)).toBeLessThanOrEqual(1);
  });

  it("has the right values at the ends", () => {
    expect(exp(0)).toBe(1);
    expect(exp(-0)).toBe(1);
    expect(exp(5e-324)).toBe(1);
    expect(exp(-5e-324)).toBe(1);
    expect(exp(709.782712893384)).toBeLessThan(Infinity);
    for (const x of [709.7827128933841, 709.8, 710, 1e300, Infinity]) expect(exp(x)).toBe(Infinity);
    expect(exp(-745.1332191019411)).toBe(5e-324);
    for (const x of [-745.1332191019412, -745.2, -746, -1e300, -Infinity]) expect(exp(x)).toBe(0);
    expect(exp(NaN)).toBeNaN();
  });
});

describe("ln", () => {
  it.each([
    ["anywhere", fc.oneof(double(5e-324, Number.MAX_VALUE), uniform(0.001, 1000))],
    ["between 1/2 and 2", uniform(0.5, 2)],
    ["where the power of two changes", fc.oneof(uniform(0.69, 0.7), uniform(1.37, 1.38))],
    ["where the result is just below 1/4", fc.oneof(uniform(1.27, 1.284), fc.constantFrom(1.2835838648495728))],
    ["near 1", uniform(0.9999, 1.0001)],
    ["of subnormal numbers", double(5e-324, 2 ** -1022)],
  ])("is within 0.95 ulp %s", (_, x) =>
    within(
      0.95,
      ln,
      exactLn,
      x.filter((x) => x !== 1),
    ),
  );

  it("is within 2 places of Math.log", () => {
    const inputs = [...from(0.0005, 100, 0.002), ...from(-1074, 1023).map((e) => 2 ** e)];
    expect(inputs.filter((x) => apart(ln(x), Math.log(x)) > 2)).toEqual([]);
  });

  it("is monotone where the power of two changes", () => {
    for (const e of [-1000, -3, -2, -1, 0, 1, 2, 3, 1000]) expectMonotone(ln, [2 ** e, 1.38 * 2 ** e]);
    expectMonotone(ln, from(0.5, 2, 1 / 64));
  });

  it("has the published values", () => {
    expect(apart(ln(2), Math.LN2)).toBeLessThanOrEqual(1);
    expect(apart(ln(10), Math.LN10)).toBeLessThanOrEqual(1);
    expect(apart(ln(3), 1.0986122886681098)).toBeLessThanOrEqual(1);
  });

  it("has the right values at the ends", () => {
    expect(ln(1)).toBe(0);
    expect(ln(1 + 2 ** -52)).toBe(2 ** -52 - 2 ** -105);
    expect(ln(1 - 2 ** -53)).toBe(-(2 ** -53));
    expect(ln(0)).toBe(-Infinity);
    expect(ln(-0)).toBe(-Infinity);
    expect(ln(Infinity)).toBe(Infinity);
    for (const x of [-5e-324, -1, -Infinity, NaN]) expect(ln(x)).toBeNaN();
  });
});

describe("pow", () => {
  it.each([0, 1, Infinity])("has Math.pow's values at %f", (x) => {
    for (const y of [0, 1, 2, 3, 0.5, 1.5, -1, -2, -0.5, 1e300, -1e300]) expect([y, pow(x, y)]).toEqual([y, x ** y]);
  });

  it("is within (1 + 1.25 · |y · ln x|) · 2^-52, or |y| · 2^-53 for an integer y", () => {
    const pair = fc.oneof(
      fc.tuple(double(1e-5, 1e5), uniform(-60, 60)),
      fc.tuple(uniform(1.2, 1.3), uniform(-2600, 2600)),
      fc.tuple(double(1e-5, 1e5), fc.integer({ min: -50, max: 50 })),
    );
    fc.assert(
      fc.property(pair, ([x, y]) => {
        const exponent = times(fixed(y), exactLn(x));
        const power = powerOfE(exponent);
        const error = Number(((fixed(pow(x, y)) - power) << 100n) / power) / 2 ** 48;
        const size = Math.abs(Number(exponent >> (digits - 60n))) / 2 ** 60;
        expect(Math.abs(error)).toBeLessThanOrEqual(Number.isInteger(y) ? Math.abs(y) / 2 : 1 + 1.25 * size);
      }),
      { ...runs, numRuns: 400 },
    );
  });

  it("is NaN for a root of a negative number", () => {
    expect(pow(-1, 0.5)).toBeNaN();
  });
});

describe("cosPi and sinPi", () => {
  const worst = fc.constantFrom(0.03986656741549231, 0.07978582068693757, 0.4197004952051663, -1.4197400692469655);
  const angle = fc.oneof(uniform(-2, 2), double(-4, 4), double(-1e12, 1e12), double(-1e-300, 1e-300), worst);

  it("cosPi is within 1.9 ulp", () => within(1.9, cosPi, exactCosPi, angle));
  it("sinPi is within 1.9 ulp", () => within(1.9, sinPi, exactSinPi, angle));
  it("sinPi is within 1.9 ulp for small angles", () => within(1.9, sinPi, exactSinPi, double(2 ** -1074, 2 ** -4)));

  it("are monotone where one passes into the other", () => {
    const centers = [1e-300, 1e-8, ...from(1 / 64, 31 / 64, 1 / 64)];
    expectMonotone(sinPi, centers);
    expectMonotone(cosPi, centers, -1);
  });

  it("have the published values", () => {
    expect(apart(cosPi(0.25), Math.SQRT1_2)).toBeLessThanOrEqual(2);
    expect(apart(sinPi(0.25), Math.SQRT1_2)).toBeLessThanOrEqual(2);
    expect(apart(cosPi(0.2), 0.8090169943749475)).toBeLessThanOrEqual(2);
    expect(apart(sinPi(0.1), 0.30901699437494745)).toBeLessThanOrEqual(2);
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
  expect(hash).toBe(2452487528);
});
