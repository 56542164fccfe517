// Named chains: a call of chain(…) each, and nothing more.

import { type LearningRateOptions, learningRate, type OptionSpec, readOptions } from "./options.ts";
import { chain, type Update } from "./update.ts";
import {
  adamaxRule,
  adamRule,
  beliefRule,
  radamRule,
  type ScaleByAdamaxOptions,
  type ScaleByAdamOptions,
  type ScaleByBeliefOptions,
  type ScaleByRadamOptions,
  type ScaleByYogiOptions,
  scaleByAdam,
  scaleByAdamax,
  scaleByBelief,
  scaleByRadam,
  scaleByYogi,
  yogiRule,
} from "./updates/adam.ts";
import { type AddDecayedWeightsOptions, addDecayedWeights, addDecayedWeightsRule } from "./updates/decay.ts";
import { type AddNoiseOptions, addNoise, addNoiseRule } from "./updates/noise.ts";
import {
  adadeltaRule,
  rssRule,
  type ScaleByAdadeltaOptions,
  type ScaleByRssOptions,
  scaleByAdadelta,
  scaleByRss,
} from "./updates/rms.ts";
import { scaleByLearningRate } from "./updates/scale.ts";
import { lionRule, type ScaleByLionOptions, scaleByLion } from "./updates/sign.ts";
import { type ScaleByTrustRatioOptions, scaleByTrustRatio, trustRatioRule } from "./updates/trust.ts";

export * from "./momentum.ts";
export type { LearningRateOptions } from "./options.ts";

/** Options of {@link adabelief}. */
export type AdabeliefOptions = LearningRateOptions & ScaleByBeliefOptions;

const adabeliefSpec = { ...learningRate(1e-3), ...beliefRule.options } satisfies OptionSpec<AdabeliefOptions>;

/**
 * AdaBelief: steps are large where gradients are as expected.
 *
 * `chain(scaleByBelief(…), scaleByLearningRate(…))`
 *
 * @param options `learningRate` 1e-3, ≥ 0; those of {@link scaleByBelief}
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await adabelief({ learningRate: 0.1 }).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(3); // => "0.889"
 * ```
 *
 * Zhuang et al.: AdaBelief Optimizer, https://arxiv.org/abs/2010.07468
 */
export function adabelief(options: AdabeliefOptions = {}): Update {
  const { learningRate, ...rest } = readOptions("adabelief", options, adabeliefSpec);
  return chain(scaleByBelief(rest), scaleByLearningRate({ learningRate }));
}

/** Options of {@link adadelta}. */
export type AdadeltaOptions = LearningRateOptions & ScaleByAdadeltaOptions;

const adadeltaSpec = { ...learningRate(1), ...adadeltaRule.options } satisfies OptionSpec<AdadeltaOptions>;

/**
 * Adadelta: steps as large as its last ones, over the size of the gradients; it begins slowly.
 *
 * `chain(scaleByAdadelta(…), scaleByLearningRate(…))`
 *
 * @param options `learningRate` 1, ≥ 0; those of {@link scaleByAdadelta}
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await adadelta({ eps: 0.01 }).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(3); // => "0.688"
 * ```
 *
 * Zeiler: ADADELTA, https://arxiv.org/abs/1212.5701
 */
export function adadelta(options: AdadeltaOptions = {}): Update {
  const { learningRate, ...rest } = readOptions("adadelta", options, adadeltaSpec);
  return chain(scaleByAdadelta(rest), scaleByLearningRate({ learningRate }));
}

/** Options of {@link adagrad}. */
export type AdagradOptions = LearningRateOptions & ScaleByRssOptions;

const adagradSpec = { ...learningRate(1e-3), ...rssRule.options } satisfies OptionSpec<AdagradOptions>;

/**
 * AdaGrad: each parameter's rate falls with all its squared gradients.
 *
 * `chain(scaleByRss(…), scaleByLearningRate(…))`
 *
 * @param options `learningRate` 1e-3, ≥ 0; those of {@link scaleByRss}
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await adagrad({ learningRate: 0.1 }).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(3); // => "0.901"
 * ```
 *
 * Duchi, Hazan, Singer: Adaptive Subgradient Methods, JMLR 12, 2011
 */
export function adagrad(options: AdagradOptions = {}): Update {
  const { learningRate, ...rest } = readOptions("adagrad", options, adagradSpec);
  return chain(scaleByRss(rest), scaleByLearningRate({ learningRate }));
}

/** Options of {@link adam}. */
export type AdamOptions = LearningRateOptions & ScaleByAdamOptions;

const adamSpec = { ...learningRate(1e-3), ...adamRule.options } satisfies OptionSpec<AdamOptions>;

/**
 * Adam.
 *
 * `chain(scaleByAdam(…), scaleByLearningRate(…))`
 *
 * @param options `learningRate` 1e-3, ≥ 0; those of {@link scaleByAdam}
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await adam({ learningRate: 0.1 }).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(3); // => "0.900"
 * ```
 *
 * Kingma, Ba: Adam, https://arxiv.org/abs/1412.6980
 */
export function adam(options: AdamOptions = {}): Update {
  const { learningRate, ...rest } = readOptions("adam", options, adamSpec);
  return chain(scaleByAdam(rest), scaleByLearningRate({ learningRate }));
}

/** Options of {@link adamax}. */
export type AdamaxOptions = LearningRateOptions & ScaleByAdamaxOptions;

const adamaxSpec = { ...learningRate(2e-3), ...adamaxRule.options } satisfies OptionSpec<AdamaxOptions>;

/**
 * AdaMax: Adam with the largest magnitude in place of the root of the mean of squares.
 *
 * `chain(scaleByAdamax(…), scaleByLearningRate(…))`
 *
 * @param options `learningRate` 2e-3, ≥ 0; those of {@link scaleByAdamax}
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await adamax({ learningRate: 0.1 }).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(3); // => "0.900"
 * ```
 *
 * Kingma, Ba: Adam, section 7.1, https://arxiv.org/abs/1412.6980
 */
export function adamax(options: AdamaxOptions = {}): Update {
  const { learningRate, ...rest } = readOptions("adamax", options, adamaxSpec);
  return chain(scaleByAdamax(rest), scaleByLearningRate({ learningRate }));
}

/** Options of {@link adamw}. */
export type AdamwOptions = LearningRateOptions & ScaleByAdamOptions & AddDecayedWeightsOptions;

const adamwSpec = {
  ...learningRate(1e-3),
  ...adamRule.options,
  ...addDecayedWeightsRule.options,
} satisfies OptionSpec<AdamwOptions>;

/**
 * Adam with decoupled weight decay: the decay is scaled by the learning rate, not by Adam.
 *
 * `chain(scaleByAdam(…), addDecayedWeights(…), scaleByLearningRate(…))`
 *
 * @param options `learningRate` 1e-3, ≥ 0; `decay` 0; those of {@link scaleByAdam}
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await adamw({ learningRate: 0.1, decay: 0.5 }).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(3); // => "0.850"
 * ```
 *
 * Loshchilov, Hutter: Decoupled Weight Decay Regularization, https://arxiv.org/abs/1711.05101
 */
export function adamw(options: AdamwOptions = {}): Update {
  const { learningRate, decay, ...rest } = readOptions("adamw", options, adamwSpec);
  return chain(scaleByAdam(rest), addDecayedWeights({ decay }), scaleByLearningRate({ learningRate }));
}

/** Options of {@link lamb}. */
export type LambOptions = AdamwOptions & Pick<ScaleByTrustRatioOptions, "minNorm">;

const lambSpec = {
  ...adamwSpec,
  ...learningRate(1e-2),
  minNorm: trustRatioRule.options.minNorm,
} satisfies OptionSpec<LambOptions>;

/**
 * LAMB: AdamW, each leaf scaled by the ratio of its norms; for large batches.
 *
 * `chain(scaleByAdam(…), addDecayedWeights(…), scaleByTrustRatio(…), scaleByLearningRate(…))`
 *
 * @param options `learningRate` 1e-2, ≥ 0; `decay` 0; `minNorm` 0, ≥ 0; those of {@link scaleByAdam}
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await lamb({ learningRate: 0.1 }).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(3); // => "0.900"
 * ```
 *
 * You et al.: Large Batch Optimization for Deep Learning, https://arxiv.org/abs/1904.00962
 */
export function lamb(options: LambOptions = {}): Update {
  const { learningRate, decay, minNorm, ...rest } = readOptions("lamb", options, lambSpec);
  return chain(
    scaleByAdam(rest),
    addDecayedWeights({ decay }),
    scaleByTrustRatio({ minNorm }),
    scaleByLearningRate({ learningRate }),
  );
}

/** Options of {@link lion}. */
export type LionOptions = LearningRateOptions & ScaleByLionOptions & AddDecayedWeightsOptions;

const lionSpec = {
  ...learningRate(1e-4),
  ...lionRule.options,
  ...addDecayedWeightsRule.options,
} satisfies OptionSpec<LionOptions>;

/**
 * Lion: each element moves by the learning rate, of which it wants a third to a tenth of AdamW's, and as many times its decay.
 *
 * `chain(scaleByLion(…), addDecayedWeights(…), scaleByLearningRate(…))`
 *
 * @param options `learningRate` 1e-4, ≥ 0; `decay` 0; those of {@link scaleByLion}
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await lion({ learningRate: 0.25 }).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]; // => 0.75
 * ```
 *
 * Chen et al.: Symbolic Discovery of Optimization Algorithms, https://arxiv.org/abs/2302.06675
 */
export function lion(options: LionOptions = {}): Update {
  const { learningRate, decay, ...rest } = readOptions("lion", options, lionSpec);
  return chain(scaleByLion(rest), addDecayedWeights({ decay }), scaleByLearningRate({ learningRate }));
}

/** Options of {@link noisySgd}. */
export type NoisySgdOptions = LearningRateOptions & AddNoiseOptions;

const noisySgdSpec = { ...learningRate(1e-2), ...addNoiseRule.options } satisfies OptionSpec<NoisySgdOptions>;

/**
 * Gradient descent with noise that falls with the steps; the noise is not scaled by the rate.
 *
 * `chain(scaleByLearningRate(…), addNoise(…))`
 *
 * @param options `learningRate` 1e-2, ≥ 0; those of {@link addNoise}
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await noisySgd({ learningRate: 0.1, eta: 0 }).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(3); // => "0.800"
 * ```
 *
 * Neelakantan et al.: Adding Gradient Noise Improves Learning, https://arxiv.org/abs/1511.06807
 */
export function noisySgd(options: NoisySgdOptions = {}): Update {
  const { learningRate, ...rest } = readOptions("noisySgd", options, noisySgdSpec);
  return chain(scaleByLearningRate({ learningRate }), addNoise(rest));
}

/** Options of {@link radam}. */
export type RadamOptions = LearningRateOptions & ScaleByRadamOptions;

const radamSpec = { ...learningRate(1e-3), ...radamRule.options } satisfies OptionSpec<RadamOptions>;

/**
 * Rectified Adam: no warm-up needed.
 *
 * `chain(scaleByRadam(…), scaleByLearningRate(…))`
 *
 * @param options `learningRate` 1e-3, ≥ 0; those of {@link scaleByRadam}
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await radam({ learningRate: 0.1 }).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(3); // => "0.800"
 * ```
 *
 * Liu et al.: On the Variance of the Adaptive Learning Rate and Beyond, https://arxiv.org/abs/1908.03265
 */
export function radam(options: RadamOptions = {}): Update {
  const { learningRate, ...rest } = readOptions("radam", options, radamSpec);
  return chain(scaleByRadam(rest), scaleByLearningRate({ learningRate }));
}

/** Options of {@link yogi}. */
export type YogiOptions = LearningRateOptions & ScaleByYogiOptions;

const yogiSpec = { ...learningRate(1e-2), ...yogiRule.options } satisfies OptionSpec<YogiOptions>;

/**
 * Yogi: Adam whose second moment moves slowly.
 *
 * `chain(scaleByYogi(…), scaleByLearningRate(…))`
 *
 * @param options `learningRate` 1e-2, ≥ 0; those of {@link scaleByYogi}
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await yogi({ learningRate: 0.1 }).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(3); // => "0.900"
 * ```
 *
 * Zaheer et al.: Adaptive Methods for Nonconvex Optimization, NeurIPS 2018
 */
export function yogi(options: YogiOptions = {}): Update {
  const { learningRate, ...rest } = readOptions("yogi", options, yogiSpec);
  return chain(scaleByYogi(rest), scaleByLearningRate({ learningRate }));
}
