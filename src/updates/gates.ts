import { flag, nonNegativeInteger, number, type OptionSpec, positiveInteger, type Scalar, scalar } from "../options.ts";
import { chain, requireUpdate, type Update, updateOf } from "../update.ts";
import type { GateRule } from "./rule.ts";

/** Options of {@link accumulate}. */
export interface AccumulateOptions {
  /** How many gradients make one step, an integer ≥ 1. A schedule sees the steps that were made of them. */
  readonly every: Scalar;
  /** Whether their mean is taken, or their sum. */
  readonly mean?: boolean | undefined;
}

const accumulateSpec = {
  every: scalar(undefined, positiveInteger),
  mean: flag(true),
} satisfies OptionSpec<AccumulateOptions>;

export const accumulateRule = {
  kind: "gate",
  gate: "accumulate",
  name: "accumulate",
  options: accumulateSpec,
  slots: { sum: { initial: () => 0, decays: false } },
  memory: { initial: { parts: 0 } },
  tolerance: 1e-6,
} as const satisfies GateRule<typeof accumulateSpec, "sum">;

/**
 * Makes one step of the gradients of several batches, for batches that do not fit in memory at once. The update, and all
 * rules behind it in a chain, wait until the gradients are together; `step()` returns false until then.
 *
 * `s ← Σ x` over `every` calls, then `x ← s/every`, or with `mean` false `x ← s`
 *
 * @param update what is done with the mean
 * @param options `every`, an integer ≥ 1, a schedule of such, or a control; `mean` true
 * @returns an update with the state `sum`, shaped as the parameters, in front of those of `update`
 * @throws TypeError for what is no update and for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await accumulate(sgd({ learningRate: 1 }), { every: 2 }).init({ w: Float32Array.of(0) });
 * optimizer.step({ w: Float32Array.of(1) }); // => false
 * optimizer.step({ w: Float32Array.of(3) }); // => true
 * optimizer.params.w[0]; // => -2
 * ```
 *
 * Optax 0.2.8, `optax.MultiSteps`
 */
export function accumulate(update: Update, options: AccumulateOptions): Update {
  requireUpdate(update, "accumulate: its first argument");
  return chain(updateOf(accumulateRule, options, "update, "), update);
}

/** Options of {@link skipNonFinite}. */
export interface SkipNonFiniteOptions {
  /** How many steps in a row may be skipped, an integer ≥ 0. */
  readonly maxConsecutive?: number | undefined;
}

const skipSpec = { maxConsecutive: number(5, nonNegativeInteger) } satisfies OptionSpec<SkipNonFiniteOptions>;

export const skipNonFiniteRule = {
  kind: "gate",
  gate: "skip",
  name: "skipNonFinite",
  options: skipSpec,
  slots: {},
  memory: { initial: { consecutive: 0, skipped: 0 } },
  tolerance: 0,
} as const satisfies GateRule<typeof skipSpec>;

/**
 * Skips a step whose gradients hold NaN or an infinity anywhere: parameters, state and counts stay as they are, and
 * `step()` returns false. It reads the gradients once, for nothing if `clipByGlobalNorm` comes next. Rules behind the update
 * in a chain are skipped with it.
 *
 * @param update what a step does otherwise
 * @param options `maxConsecutive` 5: one more skipped step in a row throws
 * @returns an update without planes of its own; `stats().skipped` counts
 * @throws TypeError for what is no update and for an unknown option; RangeError for one out of range; from `step()`,
 *   NonFiniteError with the first such leaf, after too many in a row
 *
 * @example
 * ```ts
 * const optimizer = await skipNonFinite(adam()).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(Number.NaN) }); // => false
 * [optimizer.params.w[0], optimizer.count, optimizer.stats().skipped]; // => [1, 0, 1]
 * ```
 *
 * Optax 0.2.8, `optax.apply_if_finite`, which lets the step through after too many
 */
export function skipNonFinite(update: Update, options: SkipNonFiniteOptions = {}): Update {
  requireUpdate(update, "skipNonFinite: its first argument");
  return chain(updateOf(skipNonFiniteRule, options, "update, "), update);
}
