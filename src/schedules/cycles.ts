import { pow } from "../math.ts";
import { finite, nonNegative, number, type OptionSpec, positive, positiveInteger, readOptions } from "../options.ts";
import { type Interpolation, interpolate, interpolation, numberOrNull, type Point, through } from "./curves.ts";
import type { Schedule } from "./schedule.ts";

export interface OneCycleOptions {
  /** The greatest value, a finite number. */
  readonly peakValue: number;
  /** Steps from the first value to the last, an integer >= 1. */
  readonly transitionSteps: number;
  /** The step of the peak, a number >= 0, below `transitionSteps`; `null`, ⌊0.3 · transitionSteps⌋, by default. */
  readonly peakStep?: number | null | undefined;
  /** The step where the first value is met again, between the two; `null`, not met, by default. */
  readonly returnStep?: number | null | undefined;
  /** The peak as a multiple of the first value, above 0; 25 by default. */
  readonly divFactor?: number | undefined;
  /** The first value as a multiple of the last, above 0; 1e4 by default. */
  readonly finalDivFactor?: number | undefined;
  /** The way from one value to the next, `"linear"` or `"cosine"`; `"cosine"` by default. */
  readonly interpolate?: Interpolation | undefined;
}

const oneCycleSpec = {
  peakValue: number(undefined, finite),
  transitionSteps: number(undefined, positiveInteger),
  peakStep: numberOrNull(nonNegative),
  returnStep: numberOrNull(nonNegative),
  divFactor: number(25, positive),
  finalDivFactor: number(1e4, positive),
  interpolate: interpolation("cosine"),
} satisfies OptionSpec<OneCycleOptions>;

/**
 * One cycle: up to a peak, down again, and far below the first value at the end.
 *
 * With first = peakValue / divFactor and last = first / finalDivFactor, the value goes from first at step 0 to
 * peakValue at `peakStep`, if `returnStep` is set back to first at that step, and to last at `transitionSteps`, and
 * keeps it. The steps between need not be integers. The way from u at step a to v at step b: u + (v - u) · w, where
 * w = (1 - cos(π · (step - a) / (b - a))) / 2, or (step - a) / (b - a) for `"linear"`.
 *
 * @param options `peakValue` (finite), `transitionSteps` (integer >= 1), `peakStep` (in [0, transitionSteps), or null),
 *   `returnStep` (above peakStep and below transitionSteps, or null), `divFactor` (> 0), `finalDivFactor` (> 0),
 *   `interpolate` (`"linear"` or `"cosine"`)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is missing, unknown or has the wrong type; RangeError if a number is out of range
 *
 * @example
 * ```ts
 * const rate = oneCycle({ peakValue: 1, transitionSteps: 100, divFactor: 10, finalDivFactor: 100 });
 * rate(0); // => 0.1
 * rate(30); // => 1
 * rate(100); // => 0.001
 * ```
 *
 * Source: https://arxiv.org/abs/1708.07120; Optax, cosine_onecycle_schedule and linear_onecycle_schedule: `peakStep` is
 * their ⌊pct_start · transition_steps⌋, `returnStep` the second's ⌊pct_final · transition_steps⌋. PyTorch's OneCycleLR
 * has `transitionSteps` total_steps - 1, `peakStep` pct_start · total_steps - 1 and, if three_phase, `returnStep`
 * 2 · pct_start · total_steps - 2.
 */
export function oneCycle(options: OneCycleOptions): Schedule {
  const read = readOptions("oneCycle", options, oneCycleSpec);
  const { peakValue, transitionSteps, returnStep, divFactor, finalDivFactor, interpolate } = read;
  const peakStep = read.peakStep ?? Math.floor(0.3 * transitionSteps);
  if (peakStep >= transitionSteps) {
    throw new RangeError(`oneCycle: peakStep is ${peakStep}, expected a number < transitionSteps (${transitionSteps})`);
  }
  if (returnStep !== null && !(returnStep > peakStep && returnStep < transitionSteps)) {
    const expected = `expected a number > peakStep (${peakStep}) and < transitionSteps (${transitionSteps})`;
    throw new RangeError(`oneCycle: returnStep is ${returnStep}, ${expected}`);
  }
  const first = peakValue / divFactor;
  const returned: readonly Point[] = returnStep === null ? [] : [[returnStep, first]];
  const last: Point = [transitionSteps, first / finalDivFactor];
  return through([[0, first], [peakStep, peakValue], ...returned, last], interpolate);
}

export interface CyclicOptions {
  /** The value where a cycle begins and ends, a finite number. */
  readonly initValue: number;
  /** The value at the other end of a cycle, a finite number. */
  readonly peakValue: number;
  /** Steps from the first value to the peak, an integer >= 1. */
  readonly stepsUp: number;
  /** Steps from the peak to the first value, an integer >= 1; `null`, as many as up, by default. */
  readonly stepsDown?: number | null | undefined;
  /** The way from one value to the next, `"linear"` or `"cosine"`; `"linear"` by default. */
  readonly interpolate?: Interpolation | undefined;
  /** The height of a cycle as a multiple of the one before, above 0; 1 by default. */
  readonly cycleFactor?: number | undefined;
  /** What each step multiplies the height by, above 0; 1 by default. */
  readonly stepFactor?: number | undefined;
}

const cyclicSpec = {
  initValue: number(undefined, finite),
  peakValue: number(undefined, finite),
  stepsUp: number(undefined, positiveInteger),
  stepsDown: numberOrNull(positiveInteger),
  interpolate: interpolation("linear"),
  cycleFactor: number(1, positive),
  stepFactor: number(1, positive),
} satisfies OptionSpec<CyclicOptions>;

/**
 * Goes from one value to another and back, again and again, the cycles all as high or each lower than the one before.
 *
 * value = initValue + (peakValue - initValue) · cycleFactor^cycle · stepFactor^step · w, where
 * cycle = ⌊step / (stepsUp + stepsDown)⌋ and w goes from 0 to 1 in `stepsUp` steps of it, then to 0 in `stepsDown`:
 * along straight lines, or half waves of the cosine
 *
 * @param options `initValue` (finite), `peakValue` (finite, below initValue too), `stepsUp` (integer >= 1), `stepsDown`
 *   (integer >= 1, or null), `interpolate` (`"linear"` or `"cosine"`), `cycleFactor` (> 0), `stepFactor` (> 0)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is missing, unknown or has the wrong type; RangeError if a number is out of range
 *
 * @example
 * ```ts
 * const rate = cyclic({ initValue: 0, peakValue: 1, stepsUp: 2, cycleFactor: 0.5 });
 * [0, 1, 2, 3, 4, 5, 6].map(rate); // => [0, 0.5, 1, 0.5, 0, 0.25, 0.5]
 * ```
 *
 * Source: https://arxiv.org/abs/1506.01186; PyTorch, CyclicLR: its triangular mode is the default, triangular2 has
 * `cycleFactor` 0.5 and exp_range `stepFactor` gamma. CosineAnnealingLR, which rises again after T_max, has `peakValue`
 * eta_min, `stepsUp` T_max and `interpolate` `"cosine"`.
 */
export function cyclic(options: CyclicOptions): Schedule {
  const read = readOptions("cyclic", options, cyclicSpec);
  const { initValue, peakValue, stepsUp, interpolate: kind, cycleFactor, stepFactor } = read;
  const stepsDown = read.stepsDown ?? stepsUp;
  return (step) => {
    const done = step % (stepsUp + stepsDown);
    const factor = pow(cycleFactor, Math.floor(step / (stepsUp + stepsDown))) * pow(stepFactor, step);
    const top = factor === 1 ? peakValue : initValue + (peakValue - initValue) * factor;
    return done < stepsUp
      ? interpolate(initValue, top, done, stepsUp, kind)
      : interpolate(top, initValue, done - stepsUp, stepsDown, kind);
  };
}

export interface CosineRestartsOptions {
  /** The value where a period begins, a finite number. */
  readonly initValue: number;
  /** The value that a period goes to, a finite number; 0 by default. */
  readonly endValue?: number | undefined;
  /** Steps of the first period, an integer >= 1. */
  readonly decaySteps: number;
  /** The length of a period as a multiple of the one before, an integer >= 1; 1 by default. */
  readonly periodFactor?: number | undefined;
}

const cosineRestartsSpec = {
  initValue: number(undefined, finite),
  endValue: number(0, finite),
  decaySteps: number(undefined, positiveInteger),
  periodFactor: number(1, positiveInteger),
} satisfies OptionSpec<CosineRestartsOptions>;

/**
 * Takes a value down along half a wave of the cosine, and again from the beginning, in periods that may grow, without
 * end. For given periods, with warm-ups and peaks of their own, see {@link sgdr}.
 *
 * value = endValue + (initValue - endValue) · (1 + cos(π · t / T)) / 2, where t counts the steps of the period and
 * T = decaySteps · periodFactor^n in the period n. A period's last step is the one before its end, so `endValue` is
 * approached and not met.
 *
 * @param options `initValue` (finite), `endValue` (finite), `decaySteps` (integer >= 1), `periodFactor` (integer >= 1)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is missing, unknown or has the wrong type; RangeError if a number is out of range
 *
 * @example
 * ```ts
 * const rate = cosineRestarts({ initValue: 1, decaySteps: 10, periodFactor: 2 });
 * [0, 10, 30].map(rate); // => [1, 1, 1]
 * ```
 *
 * Source: https://arxiv.org/abs/1608.03983; PyTorch, CosineAnnealingWarmRestarts.
 */
export function cosineRestarts(options: CosineRestartsOptions): Schedule {
  const { initValue, endValue, decaySteps, periodFactor } = readOptions("cosineRestarts", options, cosineRestartsSpec);
  return (step) => {
    let [done, length] = [step, decaySteps];
    if (periodFactor === 1) done %= length;
    else for (; done >= length; length *= periodFactor) done -= length;
    return interpolate(initValue, endValue, done, length, "cosine");
  };
}
