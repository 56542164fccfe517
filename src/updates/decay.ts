import { finite, type OptionSpec, type Scalar, scalar } from "../options.ts";
import { type Update, updateOf } from "../update.ts";
import type { LinearRule } from "./rule.ts";

/** Options of {@link addDecayedWeights}. */
export interface AddDecayedWeightsOptions {
  /** What part of the parameter is added, finite. */
  readonly decay?: Scalar | undefined;
}

const spec = { decay: scalar(0, finite) } satisfies OptionSpec<AddDecayedWeightsOptions>;

export const addDecayedWeightsRule = {
  kind: "linear",
  name: "addDecayedWeights",
  options: spec,
  slots: {},
  linear: "decay",
  scalar: (o) => o.decay,
  tolerance: 1e-6,
} as const satisfies LinearRule<typeof spec>;

/**
 * Adds a part of the parameters: weight decay, decoupled where it stands behind the rule that scales.
 *
 * `x ← x + decay·p`
 *
 * @param options `decay` 0, finite
 * @returns an update without state
 * @throws TypeError for an unknown option; RangeError for one that is not finite
 *
 * @example
 * ```ts
 * const optimizer = await chain(addDecayedWeights({ decay: 0.5 }), scale(-1)).init({ w: Float32Array.of(4) });
 * optimizer.step({ w: Float32Array.of(1) });
 * optimizer.params.w[0]; // => 1
 * ```
 *
 * Loshchilov, Hutter: Decoupled Weight Decay Regularization, https://arxiv.org/abs/1711.05101
 */
export function addDecayedWeights(options: AddDecayedWeightsOptions = {}): Update {
  return updateOf(addDecayedWeightsRule, options);
}
