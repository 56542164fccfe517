import { readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { addNoise, chain, type InitOptions, noisySgd, scale, type Update } from "../src/index.ts";
import { philox, type Words } from "../src/updates/philox.ts";
import { runs } from "./oracle/arbitrary.ts";

/** The words of a counter and of the three behind it. */
type Philox = (counter: Words, key0: number, key1: number) => readonly Words[];

const ENTRY = `
import { philox } from "./assembly/kernels/philox";
export function words(c0: u32, c1: u32, c2: u32, c3: u32, k0: u32, k1: u32): void {
  philox(0, c0, c1, c2, c3, k0, k1);
}`;

/** The kernels' own Philox, compiled as the kernels are, behind an export of its words. */
async function assemblyPhilox(): Promise<Philox> {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const written = new Map<string, Uint8Array | string>();
  const read = (name: string) => {
    if (name === "entry.ts") return ENTRY;
    try {
      return readFileSync(path.join(root, name), "utf8");
    } catch {
      return null; // asc looks in several places
    }
  };
  const options = ["--config", "asconfig.json", "--initialMemory", "1", "--outFile", "entry.wasm"];
  const { error, stderr } = await asc.main(["entry.ts", ...options], {
    readFile: read,
    writeFile: (name: string, contents: Uint8Array | string) => void written.set(name, contents),
    listFiles: () => [],
  });
  if (error) throw new Error(stderr.toString());
  const { instance } = await WebAssembly.instantiate(written.get("entry.wasm") as BufferSource);
  const { memory, words } = instance.exports as {
    memory: WebAssembly.Memory;
    words(...counterAndKey: number[]): void;
  };
  return (counter, key0, key1) => {
    words(...counter, key0, key1);
    const all = [0, 1, 2, 3].map((i) => Array.from(new Uint32Array(memory.buffer, 16 * i, 4)));
    return all as unknown as readonly Words[];
  };
}

describe("Philox4x32-10", () => {
  let assembly: Philox;
  beforeAll(async () => {
    assembly = await assemblyPhilox();
  });

  const { vectors } = JSON.parse(readFileSync(new URL("golden/philox4x32-10.json", import.meta.url), "utf8")) as {
    vectors: readonly Record<"counter" | "key" | "output", readonly string[]>[];
  };
  const numbers = (words: readonly string[]) => words.map((word) => Number.parseInt(word, 16));

  it.each(vectors)("gives Random123's words for counter $counter, in JavaScript and in AssemblyScript", (vector) => {
    const [key0, key1] = numbers(vector.key) as [number, number];
    const counter = numbers(vector.counter) as unknown as Words;
    expect(philox(counter, key0, key1)).toEqual(numbers(vector.output));
    expect(assembly(counter, key0, key1)[0]).toEqual(numbers(vector.output));
  });

  it("gives the same words in JavaScript and in AssemblyScript for any counter and key", () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    const property = fc.property(fc.tuple(word, word, word, word), word, word, (counter, key0, key1) => {
      const [first, ...others] = counter;
      const four = [0, 1, 2, 3].map((i) => philox([(first + i) >>> 0, ...others], key0, key1));
      expect(assembly(counter, key0, key1)).toEqual(four);
    });
    fc.assert(property, runs(2000));
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

  it("are not correlated with the elements beside them", () => {
    for (const lag of [1, 2, 3, 4]) {
      expect(Math.abs(correlation(z.subarray(lag), z.subarray(0, n - lag)))).toBeLessThan(4 / Math.sqrt(n));
    }
  });
});

describe("the noise of wasm and of reference is the same within 1e-6", () => {
  it.each([1, 2, 3, 4, 5, 100_003])("for a leaf of %i elements", (length) => {
    const update = addNoise({ ...unit, seed: 2n ** 64n - 1n });
    const [a, b] = [first(update, length), first(update, length, reference)];
    expect(furthest(a, b)).toBeLessThanOrEqual(1e-6);
  });

  it("to the last place of f32, and 99.5 % of the numbers to the last bit", () => {
    const update = addNoise({ ...unit, seed: 8 });
    const [a, b] = [first(update, 100_000), first(update, 100_000, reference)];
    expect(a.reduce((most, value, i) => Math.max(most, Math.abs(value / b[i]! - 1)), 0)).toBeLessThanOrEqual(2 ** -23);
    expect(a.filter((value, i) => value !== b[i]).length).toBeLessThan(500);
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

  it("has the variance eta / t^gamma at step t", () => {
    const taken = noise(noisySgd({ eta: 0.04, gamma: 1, seed: 9 }), { a: leaf(20_000) }, 4, options);
    for (const [step, { a }] of taken.entries()) {
      const variance = a!.reduce((total, value) => total + value * value, 0) / a!.length;
      expect((variance * (step + 1)) / 0.04).toBeCloseTo(1, 1);
    }
  });
});
