import { type Control, isControl } from "../control.ts";
import { finite, nonNegative, type OptionSpec, type Scalar, scalar } from "../options.ts";
import type { Schedule } from "../schedules/schedule.ts";
import { show } from "../show.ts";
import { type Update, updateOf } from "../update.ts";
import type { LinearRule } from "./rule.ts";

/** Options of {@link scale}. */
export interface ScaleOptions {
  /** The factor, finite. */
  readonly step: Scalar;
}

const scaleSpec = { step: scalar(undefined, finite) } satisfies OptionSpec<ScaleOptions>;

export const scaleRule = {
  kind: "linear",
  name: "scale",
  options: scaleSpec,
  slots: {},
  linear: "factor",
  scalar: (o) => o.step,
  tolerance: 1e-6,
} as const satisfies LinearRule<typeof scaleSpec>;

/**
 * Scales by a fixed step size. A chain that descends ends in a negative one, as `apply` adds.
 *
 * `x ← step·x`
 *
 * @param step the factor, a finite number, a schedule or a control; `scale(-0.1)` is short for `scale({ step: -0.1 })`
 * @returns an update without state
 * @throws TypeError if it is missing or no number; RangeError if it is not finite
 *
 * @example
 * ```ts
 * const optimizer = await scale(-0.5).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]; // => 0
 * ```
 *
 * Axon 0.3.1, `Axon.Updates.scale`
 */
export function scale(step: Scalar | ScaleOptions): Update {
  const isBare = typeof step === "number" || typeof step === "function" || isControl(step);
  return updateOf(scaleRule, isBare ? { step } : step);
}

/** Options of {@link scaleByLearningRate}. */
export interface ScaleByLearningRateOptions {
  /** The rate η, ≥ 0: it is negated here. */
  readonly learningRate: Scalar;
}

const learningRateSpec = {
  learningRate: scalar(undefined, nonNegative),
} satisfies OptionSpec<ScaleByLearningRateOptions>;

export const scaleByLearningRateRule = {
  kind: "linear",
  name: "scaleByLearningRate",
  options: learningRateSpec,
  slots: {},
  linear: "factor",
  scalar: (o) => -o.learningRate,
  tolerance: 1e-6,
} as const satisfies LinearRule<typeof learningRateSpec>;

/**
 * Scales by a negated learning rate: the last rule of every optimizer here.
 *
 * `x ← −learningRate·x`
 *
 * @param options `learningRate`, ≥ 0: a number, a schedule or a control
 * @returns an update without state
 * @throws TypeError if it is missing or no number; RangeError if it is negative or not finite
 *
 * @example
 * ```ts
 * const learningRate = control(0.5);
 * const optimizer = await chain(trace(), scaleByLearningRate({ learningRate })).init({ w: Float32Array.of(1) });
 * learningRate.value = 0.25;
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]; // => 0.5
 * ```
 *
 * Axon 0.3.1, `Axon.Optimizers`
 */
export function scaleByLearningRate(options: ScaleByLearningRateOptions): Update {
  return updateOf(scaleByLearningRateRule, options);
}

const scheduleSpec = { schedule: scalar(undefined, finite) } satisfies OptionSpec<{ schedule: Scalar }>;

export const scaleByScheduleRule = {
  kind: "linear",
  name: "scaleBySchedule",
  options: scheduleSpec,
  slots: {},
  linear: "factor",
  scalar: (o) => o.schedule,
  tolerance: 1e-6,
} as const satisfies LinearRule<typeof scheduleSpec>;

/**
 * Scales by a function of the step; the first update sees step 0.
 *
 * `x ← schedule(t − 1)·x`
 *
 * @param schedule a function of the step that returns a finite number
 * @returns an update without state: it reads the optimizer's count of steps
 * @throws TypeError if it is no function; from `step()`, RangeError if it returns no finite number
 *
 * @example
 * ```ts
 * const optimizer = await scaleBySchedule((step) => -1 / (1 + step)).init({ w: Float32Array.of(0) });
 * optimizer.step({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(1) });
 * optimizer.params.w[0]; // => -1.5
 * ```
 *
 * Axon 0.3.1, `Axon.Updates.scale_by_schedule`
 */
export function scaleBySchedule(schedule: Schedule): Update {
  if (typeof schedule !== "function") {
    throw new TypeError(
      `scaleBySchedule takes a function, as in scaleBySchedule((step) => -0.1 / (1 + step)), got ${show(schedule)}`,
    );
  }
  return updateOf(scaleByScheduleRule, { schedule });
}

const stateSpec = { scale: scalar(undefined, finite) } satisfies OptionSpec<{ scale: Scalar }>;

export const scaleByStateRule = {
  kind: "linear",
  name: "scaleByState",
  options: stateSpec,
  slots: {},
  linear: "factor",
  scalar: (o) => o.scale,
  tolerance: 1e-6,
} as const satisfies LinearRule<typeof stateSpec>;

/**
 * Scales by a number that is read and set from outside between steps.
 *
 * `x ← scale.value·x`
 *
 * @param scale a control, made by {@link control}
 * @returns an update without state of its own: the control keeps the number
 * @throws TypeError if it is no control
 *
 * @example
 * ```ts
 * const rate = control(-0.5);
 * const optimizer = await scaleByState(rate).init({ w: Float32Array.of(0) });
 * optimizer.step({ w: Float32Array.of(1) });
 * rate.value = -0.25;
 * optimizer.step({ w: Float32Array.of(1) });
 * optimizer.params.w[0]; // => -0.75
 * ```
 *
 * Axon 0.3.1, `Axon.Updates.scale_by_state`
 */
export function scaleByState(scale: Control): Update {
  if (!isControl(scale)) {
    throw new TypeError(
      `scaleByState takes a control, as in scaleByState(control(-0.1)), got ${show(scale)}; scale() takes a fixed number`,
    );
  }
  return updateOf(scaleByStateRule, { scale });
}
