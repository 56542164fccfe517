// Named chains: a call of chain(…) each, and nothing more.

import { flag, nonNegative, type OptionSpec, option, readOptions, type Scalar, scalar } from "./options.ts";
import { chain, type Update } from "./update.ts";
import {
  adamRule,
  beliefRule,
  radamRule,
  type ScaleByAdamOptions,
  type ScaleByBeliefOptions,
  type ScaleByRadamOptions,
  type ScaleByYogiOptions,
  scaleByAdam,
  scaleByBelief,
  scaleByRadam,
  scaleByYogi,
  yogiRule,
} from "./updates/adam.ts";
import { type AddDecayedWeightsOptions, addDecayedWeights, addDecayedWeightsRule } from "./updates/decay.ts";
import { type AddNoiseOptions, addNoise, addNoiseRule } from "./updates/noise.ts";
import {
  rmsRule,
  rssRule,
  type ScaleByRmsOptions,
  type ScaleByRssOptions,
  scaleByRms,
  scaleByRss,
  scaleByStddev,
} from "./updates/rms.ts";
import { scaleByLearningRate } from "./updates/scale.ts";
import { trace, traceRule } from "./updates/trace.ts";
import { type ScaleByTrustRatioOptions, scaleByTrustRatio, trustRatioRule } from "./updates/trust.ts";

/** What every optimizer takes. */
export interface LearningRateOptions {
  /** η ≥ 0: a number, a schedule `(step) => number`, or a control. Negated by the optimizer. */
  readonly learningRate?: Scalar | undefined;
}

const learningRate = (initial: number) => ({ learningRate: scalar(initial, nonNegative) });

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

/** Options of {@link rmsprop}. */
export interface RmspropOptions extends LearningRateOptions, ScaleByRmsOptions {
  /** Scale by the standard deviation instead of the root of the mean of squares. */
  readonly centered?: boolean | undefined;
  /** Decay of a trace behind the learning rate, in [0, 1]; `null` for none. */
  readonly momentum?: Scalar | null | undefined;
  /** Nesterov's form of the momentum. */
  readonly nesterov?: boolean | undefined;
}

/** Options of {@link sgd}. */
export interface SgdOptions extends LearningRateOptions {
  /** Decay of a trace before the learning rate, in [0, 1]; `null` for none. */
  readonly momentum?: Scalar | null | undefined;
  /** Nesterov's form of the momentum. */
  readonly nesterov?: boolean | undefined;
}

const traceSpec = traceRule.options;

/** The decay of a trace, or none. */
const momentumSpec = {
  momentum: {
    ...option<Scalar | null>(
      null,
      `${traceSpec.decay.expected}, or null`,
      (value): value is Scalar | null => value === null || traceSpec.decay.is(value),
    ),
    range: traceSpec.decay.range!,
  },
  nesterov: traceSpec.nesterov,
};

const rmspropSpec = {
  ...learningRate(1e-2),
  ...rmsRule.options,
  centered: flag(false),
  ...momentumSpec,
} satisfies OptionSpec<RmspropOptions>;

/**
 * RMSProp; with `momentum` a trace of the scaled steps behind it.
 *
 * `chain(scaleByRms(…) or scaleByStddev(…), scaleByLearningRate(…), trace(…) if momentum is given)`
 *
 * @param options `learningRate` 1e-2, ≥ 0; `centered` false; `momentum` null; `nesterov` false; those of {@link scaleByRms}
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await rmsprop({ learningRate: 0.1 }).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(3); // => "0.684"
 * ```
 *
 * Tieleman, Hinton: Lecture 6.5, Neural Networks for Machine Learning, 2012
 */
export function rmsprop(options: RmspropOptions = {}): Update {
  const { learningRate, centered, momentum, nesterov, ...rest } = readOptions("rmsprop", options, rmspropSpec);
  const scaled = chain(centered ? scaleByStddev(rest) : scaleByRms(rest), scaleByLearningRate({ learningRate }));
  return momentum === null ? scaled : chain(scaled, trace({ decay: momentum, nesterov }));
}

const sgdSpec = { ...learningRate(1e-2), ...momentumSpec } satisfies OptionSpec<SgdOptions>;

/**
 * Stochastic gradient descent, with or without momentum.
 *
 * `chain(trace(…) if momentum is given, scaleByLearningRate(…))`
 *
 * @param options `learningRate` 1e-2, ≥ 0; `momentum` null; `nesterov` false
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await sgd({ learningRate: 0.1, momentum: 0.9 }).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(3); // => "0.800"
 * ```
 *
 * Robbins, Monro: A Stochastic Approximation Method, 1951; momentum: see {@link trace}
 */
export function sgd(options: SgdOptions = {}): Update {
  const { learningRate, momentum, nesterov } = readOptions("sgd", options, sgdSpec);
  const scaled = scaleByLearningRate({ learningRate });
  return momentum === null ? scaled : chain(trace({ decay: momentum, nesterov }), scaled);
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
