import { pow } from "../math.ts";
import {
  finite,
  flag,
  nonNegativeInteger,
  number,
  type OptionSpec,
  option,
  positive,
  positiveInteger,
  type Resolved,
  readOptions,
} from "../options.ts";
import { exponentialDecay } from "./axon.ts";
import { halfWave, interpolate, numberOrNull } from "./curves.ts";
import { join } from "./piecewise.ts";
import type { Schedule } from "./schedule.ts";

export interface WarmupConstantOptions {
  /** The first value, a finite number; 0 by default. */
  readonly initValue?: number | undefined;
  /** The value after the warm-up, a finite number. */
  readonly peakValue: number;
  /** Steps of the warm-up, an integer >= 0. */
  readonly warmupSteps: number;
}

const warmupConstantSpec = {
  initValue: number(0, finite),
  peakValue: number(undefined, finite),
  warmupSteps: number(undefined, nonNegativeInteger),
} satisfies OptionSpec<WarmupConstantOptions>;

/** The line to the peak; then another schedule, which counts its steps from there. */
function warmup(options: Resolved<typeof warmupConstantSpec>, then: Schedule): Schedule {
  const { initValue, peakValue, warmupSteps } = options;
  return (step) =>
    step < warmupSteps
      ? interpolate(initValue, peakValue, Math.max(step, 0), warmupSteps, "linear")
      : then(step - warmupSteps);
}

/**
 * Takes a value to another along a straight line, then keeps it; without a warm-up it is there at once.
 *
 * value = initValue + (peakValue - initValue) · step / warmupSteps where step < warmupSteps, else peakValue
 *
 * @param options `initValue` (finite), `peakValue` (finite), `warmupSteps` (integer >= 0)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is missing, unknown or has the wrong type; RangeError if a number is out of range
 *
 * @example
 * ```ts
 * const rate = warmupConstant({ peakValue: 0.5, warmupSteps: 4 });
 * rate(0); // => 0
 * rate(2); // => 0.25
 * rate(100); // => 0.5
 * ```
 *
 * Source: Optax, warmup_constant_schedule.
 */
export function warmupConstant(options: WarmupConstantOptions): Schedule {
  const read = readOptions("warmupConstant", options, warmupConstantSpec);
  return warmup(read, () => read.peakValue);
}

export interface WarmupCosineOptions extends WarmupConstantOptions {
  /** Steps until the end of the decay, those of the warm-up among them: an integer above `warmupSteps`. */
  readonly decaySteps: number;
  /** The last value, a finite number; 0 by default. */
  readonly endValue?: number | undefined;
  /** The power of the wave, above 0; 1 by default. */
  readonly exponent?: number | undefined;
}

const warmupCosineSpec = {
  ...warmupConstantSpec,
  decaySteps: number(undefined, positiveInteger),
  endValue: number(0, finite),
  exponent: number(1, positive),
} satisfies OptionSpec<WarmupCosineOptions>;

/** {@link warmupCosine} with the name that errors say. */
function warmupCosineOf(caller: string, options: unknown): { readonly rate: Schedule; readonly decaySteps: number } {
  const read = readOptions(caller, options, warmupCosineSpec);
  const { peakValue, warmupSteps, decaySteps, endValue, exponent } = read;
  if (decaySteps <= warmupSteps) {
    throw new RangeError(`${caller}: decaySteps is ${decaySteps}, expected an integer > warmupSteps (${warmupSteps})`);
  }
  const length = decaySteps - warmupSteps;
  const rate = warmup(read, (step) => {
    const weight = pow(halfWave(Math.max(length - step, 0) / length), exponent);
    return weight === 1 ? peakValue : endValue + (peakValue - endValue) * weight;
  });
  return { rate, decaySteps };
}

/**
 * Takes a value up along a straight line, then down along half a wave of the cosine, then keeps it.
 *
 * value = initValue + (peakValue - initValue) · step / warmupSteps where step < warmupSteps, else
 * endValue + (peakValue - endValue) · ((1 + cos(π · t)) / 2)^exponent,
 * where t = (min(step, decaySteps) - warmupSteps) / (decaySteps - warmupSteps)
 *
 * @param options `initValue` (finite), `peakValue` (finite), `warmupSteps` (integer >= 0), `decaySteps` (integer >
 *   warmupSteps), `endValue` (finite), `exponent` (> 0)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is missing, unknown or has the wrong type; RangeError if a number is out of range
 *
 * @example
 * ```ts
 * const rate = warmupCosine({ peakValue: 1, warmupSteps: 10, decaySteps: 100, endValue: 0.1 });
 * rate(5); // => 0.5
 * rate(10); // => 1
 * rate(100); // => 0.1
 * ```
 *
 * Source: Optax, warmup_cosine_decay_schedule; https://arxiv.org/abs/1608.03983
 */
export function warmupCosine(options: WarmupCosineOptions): Schedule {
  return warmupCosineOf("warmupCosine", options).rate;
}

export interface SgdrOptions {
  /** The options of {@link warmupCosine} for each cycle, at least one; a cycle takes its `decaySteps`. */
  readonly cycles: readonly WarmupCosineOptions[];
}

const sgdrSpec = {
  cycles: option<readonly WarmupCosineOptions[]>(
    undefined,
    "an array of warmupCosine's options, at least one",
    (value): value is readonly WarmupCosineOptions[] => Array.isArray(value) && value.length > 0,
  ),
} satisfies OptionSpec<SgdrOptions>;

/**
 * One {@link warmupCosine} after the other; the last value is kept. For cycles without end see {@link cosineRestarts}.
 *
 * value = warmupCosine(cycles[i])(step - the decaySteps of the cycles before i), where i is the cycle of the step
 *
 * @param options `cycles` (options objects of {@link warmupCosine}, at least one)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is missing, unknown or has the wrong type; RangeError if a number is out of range
 *
 * @example
 * ```ts
 * const first = { peakValue: 1, warmupSteps: 2, decaySteps: 10 };
 * const rate = sgdr({ cycles: [first, { ...first, peakValue: 0.5, decaySteps: 20 }] });
 * rate(2); // => 1
 * rate(10); // => 0
 * rate(12); // => 0.5
 * ```
 *
 * Source: Optax, sgdr_schedule; https://arxiv.org/abs/1608.03983
 */
export function sgdr(options: SgdrOptions): Schedule {
  const { cycles } = readOptions("sgdr", options, sgdrSpec);
  const parts = Array.from(cycles, (cycle, i) => warmupCosineOf(`sgdr: cycles[${i}]`, cycle));
  const boundaries: number[] = [];
  for (const { decaySteps } of parts.slice(0, -1)) boundaries.push((boundaries.at(-1) ?? 0) + decaySteps);
  return join({ schedules: parts.map(({ rate }) => rate), boundaries });
}

export interface WarmupExponentialOptions extends WarmupConstantOptions {
  /** Steps in a transition after the warm-up, an integer >= 1. */
  readonly transitionSteps: number;
  /** The factor of each transition, above 0. */
  readonly decayRate: number;
  /** Steps between the warm-up and the decay, an integer >= 0; 0 by default. */
  readonly transitionBegin?: number | undefined;
  /** Whether the value changes only after whole transitions; false by default. */
  readonly staircase?: boolean | undefined;
  /** The least value where `decayRate` is below 1, else the greatest, a finite number; `null`, none, by default. */
  readonly endValue?: number | null | undefined;
}

const warmupExponentialSpec = {
  ...warmupConstantSpec,
  transitionSteps: number(undefined, positiveInteger),
  decayRate: number(undefined, positive),
  transitionBegin: number(0, nonNegativeInteger),
  staircase: flag(false),
  endValue: numberOrNull(finite),
} satisfies OptionSpec<WarmupExponentialOptions>;

/**
 * Takes a value to another along a straight line, then multiplies it by a constant factor every `transitionSteps`
 * steps.
 *
 * value = initValue + (peakValue - initValue) · step / warmupSteps where step < warmupSteps, else that of
 * {@link exponentialDecay} from `peakValue` on, at step - warmupSteps
 *
 * @param options `initValue` (finite), `peakValue` (finite), `warmupSteps` (integer >= 0), `transitionSteps`
 *   (integer >= 1), `decayRate` (> 0), `transitionBegin` (integer >= 0), `staircase` (boolean), `endValue` (finite, or
 *   null)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is missing, unknown or has the wrong type; RangeError if a number is out of range
 *
 * @example
 * ```ts
 * const rate = warmupExponential({ peakValue: 1, warmupSteps: 4, transitionSteps: 10, decayRate: 0.5 });
 * rate(2); // => 0.5
 * rate(4); // => 1
 * rate(24); // => 0.25
 * ```
 *
 * Source: Optax, warmup_exponential_decay_schedule.
 */
export function warmupExponential(options: WarmupExponentialOptions): Schedule {
  const read = readOptions("warmupExponential", options, warmupExponentialSpec);
  const { peakValue: initValue, transitionSteps, decayRate, transitionBegin, staircase, endValue } = read;
  const decay = { initValue, transitionSteps, decayRate, transitionBegin, staircase, endValue };
  return warmup(read, exponentialDecay(decay));
}
