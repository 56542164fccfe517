import * as kernels from "../generated/kernels.ts";
import { cosPi, ln, pow, sinPi } from "../math.ts";
import { nonNegative, type OptionSpec, option, type Scalar, scalar } from "../options.ts";
import { type Update, updateOf } from "../update.ts";
import { philox } from "./philox.ts";
import type { KernelRule } from "./rule.ts";

/** Options of {@link addNoise}. */
export interface AddNoiseOptions {
  /** Variance of the first step's noise, ≥ 0. */
  readonly eta?: Scalar | undefined;
  /** How fast the variance falls, ≥ 0. */
  readonly gamma?: Scalar | undefined;
  /** An integer from 0 to 2^53 − 1, or a BigInt below 2^64. The same seed gives the same noise, everywhere. */
  readonly seed?: number | bigint | undefined;
}

const isSeed = (value: unknown): value is number | bigint =>
  typeof value === "bigint" ? value >= 0n && value < 1n << 64n : Number.isSafeInteger(value) && (value as number) >= 0;

const noiseSpec = {
  eta: scalar(0.01, nonNegative),
  gamma: scalar(0.55, nonNegative),
  seed: option<number | bigint>(0, "an integer from 0 to 2^53 - 1, or a BigInt below 2^64", isSeed),
} satisfies OptionSpec<AddNoiseOptions>;

const seedWords = (seed: number | bigint): { key0: number; key1: number } => ({
  key0: Number(BigInt(seed) & 0xffffffffn),
  key1: Number(BigInt(seed) >> 32n),
});

export const addNoiseRule = {
  kind: "kernel",
  name: "addNoise",
  options: noiseSpec,
  slots: {},
  kernel: "addNoise",
  scalars: ["sigma", "key0", "key1"],
  compute: (o, step) => {
    const { key0, key1 } = seedWords(o.seed);
    return [Math.sqrt(o.eta / pow(1 + step, o.gamma)), key0, key1];
  },
  module: () => kernels.addNoise,
  arguments: (a, { length, hash }, [sigma, key0, key1], step, rule) => [
    length,
    a,
    sigma!,
    key0!,
    key1!,
    hash,
    step,
    rule,
  ],
  reference: (o, step) => {
    const { key0, key1 } = seedWords(o.seed);
    const sigma = Math.sqrt(o.eta / pow(1 + step, o.gamma));
    return (x, leaf, rule) => {
      for (let i = 0; 4 * i < x.length; i++) {
        const words = philox([i, leaf.hash, step >>> 0, rule], key0, key1);
        for (let pair = 0; pair < 4; pair += 2) {
          const radius = Math.sqrt(-2 * ln((words[pair]! + 0.5) / 2 ** 32));
          const turns = words[pair + 1]! / 2 ** 31;
          // Behind the end of a leaf a typed array ignores what is written.
          x[4 * i + pair]! += sigma * radius * cosPi(turns);
          x[4 * i + pair + 1]! += sigma * radius * sinPi(turns);
        }
      }
    };
  },
  tolerance: 1e-6,
} as const satisfies KernelRule<typeof noiseSpec>;

/**
 * Adds Gaussian noise whose variance falls with the steps. Counter-based (Philox4x32-10 keyed by the seed, the leaf's
 * path, the step and the rule's place in the chain): a parameter gets the same noise wherever it lies in the tree, and
 * two rules never share a stream.
 *
 * `x ← x + √(eta / t^gamma)·z`, z normal, t the step counted from 1
 *
 * @param options `eta` 0.01, `gamma` 0.55, ≥ 0; `seed` 0: an integer from 0 to 2^53 − 1, or a BigInt below 2^64
 * @returns an update without state
 * @throws TypeError for an unknown option or a seed that is no such integer; RangeError for one out of range
 *
 * @example
 * ```ts
 * const update = addNoise({ eta: 0.01, seed: 7 });
 * const a = await update.init({ w: { shape: [1000] } });
 * const b = await update.init({ w: { shape: [1000] } });
 * a.step();
 * b.step();
 * a.params.w[0] === b.params.w[0]; // => true
 * ```
 *
 * Neelakantan et al.: Adding Gradient Noise Improves Learning for Very Deep Networks, https://arxiv.org/abs/1511.06807
 */
export function addNoise(options: AddNoiseOptions = {}): Update {
  return updateOf(addNoiseRule, options);
}
