import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { addNoise, chain, type InitOptions, noisySgd, scale, type Update } from "../src/index.ts";
import { cosPi, ln, sinPi } from "../src/math.ts";
import { philox, type Words } from "../src/updates/philox.ts";
import { runs } from "./oracle/arbitrary.ts";
import { normals } from "./oracle/noise.ts";

describe("Philox4x32-10", () => {
  const { vectors } = JSON.parse(readFileSync(new URL("golden/philox4x32-10.json", import.meta.url), "utf8")) as {
    vectors: readonly Record<"counter" | "key" | "output", readonly string[]>[];
  };
  const numbers = (words: readonly string[]) => words.map((word) => Number.parseInt(word, 16));

  it.each(vectors)("gives Random123's words for counter $counter", (vector) => {
    const [key0, key1] = numbers(vector.key) as [number, number];
    const counter = numbers(vector.counter) as unknown as Words;
    expect(philox(counter, key0, key1)).toEqual(numbers(vector.output));
  });
});

type Key = readonly [number, number];

/** The transform of Box and Muller in f64. */
function transformed([w0, w1, w2, w3]: Words): readonly number[] {
  return [w0, w2].flatMap((word, pair) => {
    const radius = Math.sqrt(-2 * ln((word + 0.5) / 2 ** 32));
    const turns = (pair ? w3 : w1) / 2 ** 31;
    return [radius * cosPi(turns), radius * sinPi(turns)];
  });
}

/** Numbers from the kernel itself, for the counters (0, leaf, step, rule) and those behind it. */
function fromKernel(length: number, [hash, step, rule]: readonly [number, number, number], key: Key) {
  return normals({ length, hash }, key, step, rule);
}

/** The largest |a / b − 1|; NaN if there is one. */
const relative = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(b).reduce((most, value, i) => Math.max(most, value === a[i] ? 0 : Math.abs(a[i]! / value - 1)), 0);

/** The high word of a product. */
const high = (a: number, b: number) => Math.floor((a * (b >>> 16) + Math.floor((a * (b & 0xffff)) / 65536)) / 65536);

/** The counter of these words: Philox backwards, its factors' inverses by 2^32 in the place of them. */
function counterOf([w0, w1, w2, w3]: Words, [key0, key1]: Key): Words {
  for (let round = 9; round >= 0; round--) {
    const c0 = Math.imul(w3, 0x991a7cdb) >>> 0;
    const c2 = Math.imul(w1, 0x6d7cae67) >>> 0;
    const c1 = (w0 ^ high(0xcd9e8d57, c2) ^ (key0 + Math.imul(round, 0x9e3779b9))) >>> 0;
    const c3 = (w2 ^ high(0xd2511f53, c0) ^ (key1 + Math.imul(round, 0xbb67ae85))) >>> 0;
    [w0, w1, w2, w3] = [c0, c1, c2, c3];
  }
  return [w0, w1, w2, w3];
}

describe("the kernel's numbers are within 5e-7 of the true ones, relative to themselves,", () => {
  const BOUND = 5e-7;
  const MANY = 130_000;
  const key: Key = [0x243f6a88, 0x85a308d3];

  it("for any counter and key, and any length from 1 to 40", () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    const length = fc.integer({ min: 1, max: 40 });
    const property = fc.property(length, fc.tuple(word, word, word), word, word, (length, rest, key0, key1) => {
      const counters = Array.from({ length: Math.ceil(length / 4) }, (_, i): Words => [i, ...rest]);
      const expected = counters.flatMap((counter) => transformed(philox(counter, key0, key1))).slice(0, length);
      expect(relative(fromKernel(length, rest, [key0, key1]), expected)).toBeLessThanOrEqual(BOUND);
    });
    fc.assert(property, runs(2000));
  });

  // Of a word that is wrong in its last bit a number tells only where it is small: one in some thousands.
  it("for half a million of them", () => {
    for (const step of [0, 1, 2, 3]) {
      const expected = Array.from({ length: MANY / 4 }, (_, i) => transformed(philox([i, 7, step, 9], ...key))).flat();
      expect(relative(fromKernel(MANY, [7, step, 9], key), expected)).toBeLessThanOrEqual(BOUND);
    }
  });

  const quarter = 2 ** 30;
  const root = Math.round(Math.SQRT1_2 * 2 ** 32);
  // Around 0, ½ and 1 and, where a logarithm may change its form, √½; and powers of two, where the exponent changes.
  const radii = [
    0,
    1,
    2,
    2 ** 24,
    2 ** 31 - 65,
    2 ** 31 - 1,
    2 ** 31,
    2 ** 31 + 1,
    root - 1,
    root,
    2 ** 32 - 2,
    2 ** 32 - 1,
  ];
  // Around the borders of quarters and of eighths.
  const turns = [0, 1, 2, 3, 4].flatMap((q) => [q * quarter - 1, q * quarter, q * quarter + 1, (q + 0.5) * quarter]);
  const edges = turns
    .filter((turn) => turn >= 0 && turn < 2 ** 32)
    .map((turn, i) => ({ first: radii[i % radii.length]!, turn, pair: i % 2 }));

  it.each(edges)("for the words $first and $turn, in pair $pair", ({ first, turn, pair }) => {
    // Some other two words have a counter of which the kernel gets as far as its first word.
    for (let i = 0; ; i++) {
      const others = [Math.imul(i, 0x9e3779b1) >>> 0, Math.imul(i, 0x85ebca77) >>> 0] as const;
      const words: Words = pair ? [...others, first, turn] : [first, turn, ...others];
      const [at, ...rest] = counterOf(words, key);
      if (4 * at >= MANY) continue;
      expect(philox([at, ...rest], ...key)).toEqual(words);
      const found = fromKernel(MANY, rest, key).subarray(4 * at, 4 * at + 4);
      expect(relative(found, transformed(words))).toBeLessThanOrEqual(BOUND);
      break;
    }
  });
});

const unit = { eta: 1, gamma: 0 };
const wasm = { backend: "wasm" } as const;
const reference = { backend: "reference" } as const;

/** The updates of the first steps with zero gradients. */
function noise(update: Update, params: unknown, steps = 1, options: InitOptions = wasm) {
  const optimizer = update.initSync(params, options);
  return Array.from({ length: steps }, () => {
    optimizer.zeroGrads();
    optimizer.update();
    const taken = optimizer.snapshot("grads");
    optimizer.apply();
    return taken as Record<string, Float32Array>;
  });
}

const first = (update: Update, length = 64, options: InitOptions = wasm) =>
  noise(update, { w: { shape: [length] } }, 1, options)[0]!.w!;

/** Φ, within 1.5e-7: Abramowitz and Stegun, 7.1.26. */
function normalCdf(x: number): number {
  const t = 1 / (1 + 0.3275911 * (Math.abs(x) / Math.SQRT2));
  const series = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592].reduce((sum, c) => sum * t + c, 0);
  const erfc = series * t * Math.exp((-x * x) / 2);
  return x < 0 ? erfc / 2 : 1 - erfc / 2;
}

/** Pearson's correlation. */
function correlation(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** NaN if there is one. */
const furthest = (a: Float32Array, b: Float32Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

describe.each([wasm, reference])("a million normal numbers on $backend", (options) => {
  const n = 1_000_000;
  let z: Float32Array;
  beforeAll(() => {
    z = first(addNoise({ ...unit, seed: 42 }), n, options);
  });

  // Each bound is three standard errors of a true normal sample; the seed is fixed.
  it("have mean 0 within 3/√n", () => {
    const mean = z.reduce((sum, value) => sum + value, 0) / n;
    expect(Math.abs(mean)).toBeLessThan(3 / Math.sqrt(n));
  });

  it("have variance 1 within 3·√(2/n)", () => {
    const variance = z.reduce((sum, value) => sum + value * value, 0) / n;
    expect(Math.abs(variance - 1)).toBeLessThan(3 * Math.sqrt(2 / n));
  });

  it("have the fourth moment 3 within 3·√(96/n)", () => {
    const fourth = z.reduce((sum, value) => sum + value ** 4, 0) / n;
    expect(Math.abs(fourth - 3)).toBeLessThan(3 * Math.sqrt(96 / n));
  });

  it("are within a Kolmogorov-Smirnov distance of 1.63/√n of the normal distribution: 1 in 100 of true samples is not", () => {
    const sorted = z.slice().sort();
    const distance = sorted.reduce((most, value, i) => {
      const cdf = normalCdf(value);
      return Math.max(most, cdf - i / n, (i + 1) / n - cdf);
    }, 0);
    expect(distance).toBeLessThan(1.63 / Math.sqrt(n));
  });

  it("have as many far ones as they must: beyond 3, 4 and 4.25 within four standard errors", () => {
    for (const [beyond, share] of [
      [3, 2.699796e-3],
      [4, 6.334248e-5],
      [4.25, 2.137705e-5],
    ] as const) {
      const count = z.filter((value) => Math.abs(value) > beyond).length;
      expect(Math.abs(count - n * share), `beyond ${beyond}: ${count}`).toBeLessThan(4 * Math.sqrt(n * share) + 1);
    }
  });

  it("have as many small ones as they must: within 1e-2, 1e-3, 1e-4 and 1e-5 within four standard errors", () => {
    for (const within of [1e-2, 1e-3, 1e-4, 1e-5]) {
      const expected = n * within * Math.sqrt(2 / Math.PI);
      const count = z.filter((value) => Math.abs(value) < within).length;
      expect(Math.abs(count - expected), `within ${within}: ${count}`).toBeLessThan(4 * Math.sqrt(expected) + 1);
    }
  });

  it("are not correlated with the others of a counter, nor are their squares", () => {
    for (const values of [z, z.map((value) => value * value - 1)]) {
      const places = [0, 1, 2, 3].map((place) =>
        Float32Array.from({ length: n / 4 }, (_, i) => values[4 * i + place]!),
      );
      for (const [place, one] of places.entries()) {
        for (const other of places.slice(0, place)) {
          expect(Math.abs(correlation(one, other)), `place ${place}`).toBeLessThan(4 / Math.sqrt(n / 4));
        }
      }
    }
  });

  it("are not correlated with the elements beside them", () => {
    for (const lag of [1, 2, 3, 4]) {
      expect(Math.abs(correlation(z.subarray(lag), z.subarray(0, n - lag)))).toBeLessThan(4 / Math.sqrt(n));
    }
  });
});

describe("the noise of wasm and of reference is the same within 1e-6", () => {
  it("for a leaf of 100003 elements", () => {
    const update = addNoise({ ...unit, seed: 2n ** 64n - 1n });
    const [a, b] = [first(update, 100_003), first(update, 100_003, reference)];
    expect(relative(a, b)).toBeLessThanOrEqual(1e-6);
  });

  it("added to gradients, behind a scale, at every step", () => {
    const update = chain(scale(-0.5), addNoise({ eta: 0.01, gamma: 0.55, seed: 3 }));
    const [a, b] = [wasm, reference].map((options) => update.initSync({ w: { shape: [1000] } }, options));
    for (let step = 0; step < 5; step++) {
      for (const { grads } of [a!, b!]) grads.w.fill(0.25 * step);
      expect(furthest(a!.update().w, b!.update().w)).toBeLessThanOrEqual(1e-6);
      a!.apply();
      b!.apply();
    }
  });
});

describe.each([wasm, reference])("noise on $backend", (options) => {
  const update = addNoise({ ...unit, seed: 5 });
  const leaf = (length: number) => ({ shape: [length] });

  it("is the same for a leaf whatever the order of the keys, and whatever leaves there are beside it", () => {
    const one = noise(update, { a: leaf(5), b: leaf(100), c: leaf(17) }, 2, options);
    const permuted = noise(update, { c: leaf(17), a: leaf(5), b: leaf(100) }, 2, options);
    const more = noise(update, { Z: leaf(3), a: leaf(5), aa: leaf(40), b: leaf(100), c: leaf(17), d: 0 }, 2, options);
    for (const step of [0, 1]) {
      for (const name of ["a", "b", "c"]) {
        expect(permuted[step]![name]).toEqual(one[step]![name]);
        expect(more[step]![name]).toEqual(one[step]![name]);
      }
    }
  });

  it("is the same for an element whatever the length and the shape of its leaf", () => {
    const [long] = noise(update, { a: leaf(100) }, 1, options);
    for (const length of [1, 2, 3, 4, 5, 15, 17]) {
      expect(noise(update, { a: leaf(length) }, 1, options)[0]!.a).toEqual(long!.a!.slice(0, length));
    }
    expect(noise(update, { a: { shape: [25, 4] } }, 1, options)[0]).toEqual(long);
  });

  it("differs from leaf to leaf, from step to step and from seed to seed", () => {
    const seeds = [0, 1, 2, 2 ** 32, 2 ** 53 - 1, 2n ** 63n, 2n ** 64n - 1n];
    const streams = seeds.flatMap((seed) => {
      const steps = noise(addNoise({ ...unit, seed }), { a: leaf(1000), b: leaf(1000) }, 3, options);
      return steps.flatMap(({ a, b }) => [a!, b!]);
    });
    for (const [i, stream] of streams.entries()) {
      for (const other of streams.slice(0, i)) {
        expect(Math.abs(correlation(stream, other))).toBeLessThan(5 / Math.sqrt(1000));
      }
    }
  });

  it("takes a seed as a number or as a BigInt", () => {
    for (const seed of [0, 7, 2 ** 32 + 5, 2 ** 53 - 1]) {
      const [number, bigint] = [seed, BigInt(seed)].map((given) =>
        first(addNoise({ ...unit, seed: given }), 64, options),
      );
      expect(bigint).toEqual(number);
    }
  });

  it("differs between two rules of a chain with the same seed", () => {
    const difference = chain(addNoise({ ...unit, seed: 5 }), scale(-1), addNoise({ ...unit, seed: 5 }));
    const sum = first(difference, 10_000, options);
    // Of two independent ones the variance is 2; of the same one twice it would be 0.
    const variance = sum.reduce((total, value) => total + value * value, 0) / sum.length;
    expect(variance).toBeGreaterThan(1.9);
    expect(variance).toBeLessThan(2.1);
  });

  it("is none where eta is 0, and leaves a NaN alone where it stands", () => {
    const given = Float32Array.of(1, -2, NaN, 0.5, Infinity, 1e-30, 3);
    for (const eta of [0, 1]) {
      const optimizer = addNoise({ eta, seed: 5 }).initSync({ a: leaf(given.length), b: leaf(0) }, options);
      optimizer.grads.a.set(given);
      const { a, b } = optimizer.update();
      expect(b).toHaveLength(0);
      expect(Array.from(a, Number.isNaN)).toEqual(Array.from(given, Number.isNaN));
      if (eta === 0) expect(a).toEqual(given);
      else expect(relative(a.filter(Number.isFinite), given.filter(Number.isFinite))).toBeGreaterThan(0.01);
    }
  });

  it("has the variance eta / t^gamma at step t", () => {
    const taken = noise(noisySgd({ eta: 0.04, gamma: 1, seed: 9 }), { a: leaf(20_000) }, 4, options);
    for (const [step, { a }] of taken.entries()) {
      const variance = a!.reduce((total, value) => total + value * value, 0) / a!.length;
      expect((variance * (step + 1)) / 0.04).toBeCloseTo(1, 1);
    }
  });
});
