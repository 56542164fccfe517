// Named chains that may have a trace of their own.

import {
  flag,
  type LearningRateOptions,
  learningRate,
  type OptionSpec,
  option,
  readOptions,
  type Scalar,
} from "./options.ts";
import { chain, type Update } from "./update.ts";
import { rmsRule, type ScaleByRmsOptions, scaleByRms, scaleByStddev } from "./updates/rms.ts";
import { scaleByLearningRate } from "./updates/scale.ts";
import { trace, traceRule } from "./updates/trace.ts";

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
