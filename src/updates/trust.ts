import { nonNegative, type OptionSpec, type Scalar, scalar } from "../options.ts";
import { type Update, updateOf } from "../update.ts";
import type { NormRule } from "./rule.ts";

/** Options of {@link scaleByTrustRatio}. */
export interface ScaleByTrustRatioOptions {
  /** Both norms count as at least this, ≥ 0. */
  readonly minNorm?: Scalar | undefined;
  /** Multiplies the ratio, ≥ 0. */
  readonly trustCoefficient?: Scalar | undefined;
  /** Added to the norm of the update, ≥ 0. */
  readonly eps?: Scalar | undefined;
}

const spec = {
  minNorm: scalar(0, nonNegative),
  trustCoefficient: scalar(1, nonNegative),
  eps: scalar(0, nonNegative),
} satisfies OptionSpec<ScaleByTrustRatioOptions>;

export const trustRatioRule = {
  kind: "norm",
  name: "scaleByTrustRatio",
  options: spec,
  slots: {},
  scope: "leaf",
  params: true,
  order: () => 2,
  factor: (o, norms) => {
    const params = Math.max(norms.params, o.minNorm);
    const updates = Math.max(norms.updates, o.minNorm);
    return params === 0 || updates === 0 ? 1 : (o.trustCoefficient * params) / (updates + o.eps);
  },
  // Of two norms: see clipByGlobalNorm.
  tolerance: 1.6e-5,
  deviceTolerance: 4e-6,
} as const satisfies NormRule<typeof spec>;

/**
 * Scales each leaf by the ratio of the norm of its parameters to the norm of its update (LARS, LAMB).
 *
 * `x ← x · trustCoefficient · max(‖p‖, minNorm) / (max(‖x‖, minNorm) + eps)`, Frobenius norms over the leaf; unchanged
 * where one of the two is zero
 *
 * @param options `minNorm` 0, `trustCoefficient` 1, `eps` 0, all ≥ 0
 * @returns an update without state
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await chain(scaleByTrustRatio(), scale(-0.5)).init({ w: Float32Array.of(3, 4) });
 * optimizer.step({ w: Float32Array.of(0.6, 0.8) });
 * Array.from(optimizer.params.w, (p) => p.toFixed(2)); // => ["1.50", "2.00"]
 * ```
 *
 * You et al.: Large Batch Training of Convolutional Networks, https://arxiv.org/abs/1708.03888
 */
export function scaleByTrustRatio(options: ScaleByTrustRatioOptions = {}): Update {
  return updateOf(trustRatioRule, options);
}
