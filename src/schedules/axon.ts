import { pow } from "../math.ts";
import type { OptionSpec } from "../options.ts";
import {
  finite,
  flag,
  nonNegative,
  nonNegativeInteger,
  number,
  positive,
  positiveInteger,
  readOptions,
} from "../options.ts";
import { halfWave, numberOrNull } from "./curves.ts";
import type { Schedule } from "./schedule.ts";

export interface ExponentialDecayOptions {
  /** The value at the beginning, a finite number; 1e-2 by default. */
  readonly initValue?: number | undefined;
  /** The factor of each transition, above 0; 0.95 by default. */
  readonly decayRate?: number | undefined;
  /** Steps in a transition, an integer >= 1; 10 by default. */
  readonly transitionSteps?: number | undefined;
  /** Steps before the decay begins, an integer >= 0; 0 by default. */
  readonly transitionBegin?: number | undefined;
  /** Whether the value changes only after whole transitions; false by default. */
  readonly staircase?: boolean | undefined;
  /** The least value where `decayRate` is below 1, else the greatest, a finite number; `null`, none, by default. */
  readonly endValue?: number | null | undefined;
}

const exponentialDecaySpec = {
  initValue: number(1e-2, finite),
  decayRate: number(0.95, positive),
  transitionSteps: number(10, positiveInteger),
  transitionBegin: number(0, nonNegativeInteger),
  staircase: flag(false),
  endValue: numberOrNull(finite),
} satisfies OptionSpec<ExponentialDecayOptions>;

/**
 * Multiplies a value by a constant factor every `transitionSteps` steps, smoothly or in stairs.
 *
 * value = initValue · decayRate^(max(step - transitionBegin, 0) / transitionSteps), the exponent rounded down if
 * `staircase` is set; then max(value, endValue) where decayRate < 1, else min(value, endValue), if `endValue` is set
 *
 * @param options `initValue` (finite), `decayRate` (> 0; above 1 the value grows), `transitionSteps` (integer >= 1),
 *   `transitionBegin` (integer >= 0), `staircase` (boolean), `endValue` (finite, or null)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is unknown or has the wrong type; RangeError if a number is out of range
 *
 * @example
 * ```ts
 * const rate = exponentialDecay({ initValue: 0.1, decayRate: 0.5, transitionSteps: 3 });
 * rate(0); // => 0.1
 * rate(3); // => 0.05
 * ```
 *
 * Source: Axon 0.3.1, Axon.Schedules.exponential_decay; `endValue` from Optax. PyTorch's ExponentialLR is this with
 * `transitionSteps` 1, its StepLR this with `staircase`.
 */
export function exponentialDecay(options?: ExponentialDecayOptions): Schedule {
  const { initValue, decayRate, transitionSteps, transitionBegin, staircase, endValue } = readOptions(
    "exponentialDecay",
    options,
    exponentialDecaySpec,
  );
  return (step) => {
    const transitions = Math.max(step - transitionBegin, 0) / transitionSteps;
    const value = initValue * pow(decayRate, staircase ? Math.floor(transitions) : transitions);
    if (endValue === null) return value;
    return decayRate < 1 ? Math.max(value, endValue) : Math.min(value, endValue);
  };
}

export interface CosineDecayOptions {
  /** The value at step 0, a finite number; 1e-2 by default. */
  readonly initValue?: number | undefined;
  /** Steps until the end of the decay, an integer >= 1; 10 by default. */
  readonly decaySteps?: number | undefined;
  /** The last value as a part of `initValue`, at least 0; 0 by default. */
  readonly alpha?: number | undefined;
  /** The power of the wave, above 0; 1 by default. */
  readonly exponent?: number | undefined;
}

const cosineDecaySpec = {
  initValue: number(1e-2, finite),
  decaySteps: number(10, positiveInteger),
  alpha: number(0, nonNegative),
  exponent: number(1, positive),
} satisfies OptionSpec<CosineDecayOptions>;

/**
 * Takes a value down along half a wave of the cosine, then keeps it.
 *
 * value = initValue · ((1 - alpha) · ((1 + cos(π · min(step, decaySteps) / decaySteps)) / 2)^exponent + alpha)
 *
 * @param options `initValue` (finite), `decaySteps` (integer >= 1), `alpha` (>= 0), `exponent` (> 0)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is unknown or has the wrong type; RangeError if a number is out of range
 *
 * @example
 * ```ts
 * const rate = cosineDecay({ initValue: 0.1, decaySteps: 1000, alpha: 0.5 });
 * rate(0); // => 0.1
 * rate(1000); // => 0.05
 * ```
 *
 * Source: Axon 0.3.1, Axon.Schedules.cosine_decay; `exponent` from Optax; https://arxiv.org/abs/1608.03983
 */
export function cosineDecay(options?: CosineDecayOptions): Schedule {
  const { initValue, decaySteps, alpha, exponent } = readOptions("cosineDecay", options, cosineDecaySpec);
  return (step) => {
    const wave = halfWave(Math.max(decaySteps - step, 0) / decaySteps);
    return initValue * ((1 - alpha) * pow(wave, exponent) + alpha);
  };
}

export interface ConstantOptions {
  /** The value, a finite number; 1e-2 by default. */
  readonly initValue?: number | undefined;
}

const constantSpec = { initValue: number(1e-2, finite) } satisfies OptionSpec<ConstantOptions>;

/**
 * Is the same value at every step.
 *
 * value = initValue
 *
 * @param options `initValue` (finite)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is unknown or has the wrong type; RangeError if a number is not finite
 *
 * @example
 * ```ts
 * const rate = constant({ initValue: 0.7 });
 * rate(1000); // => 0.7
 * ```
 *
 * Source: Axon 0.3.1, Axon.Schedules.constant.
 */
export function constant(options?: ConstantOptions): Schedule {
  const { initValue } = readOptions("constant", options, constantSpec);
  return () => initValue;
}

export interface PolynomialDecayOptions {
  /** The value at the beginning, a finite number; 1e-2 by default. */
  readonly initValue?: number | undefined;
  /** The value at the end, a finite number; 1e-3 by default. */
  readonly endValue?: number | undefined;
  /** The power, above 0 (1 is a straight line); 2 by default. */
  readonly power?: number | undefined;
  /** Steps from the first value to the last, an integer >= 1; 10 by default. */
  readonly transitionSteps?: number | undefined;
  /** Steps before the decay begins, an integer >= 0; 0 by default. */
  readonly transitionBegin?: number | undefined;
}

const polynomialDecaySpec = {
  initValue: number(1e-2, finite),
  endValue: number(1e-3, finite),
  power: number(2, positive),
  transitionSteps: number(10, positiveInteger),
  transitionBegin: number(0, nonNegativeInteger),
} satisfies OptionSpec<PolynomialDecayOptions>;

/**
 * Takes a value to another along a power of the steps left, then keeps it.
 *
 * value = (initValue - endValue) · (1 - t)^power + endValue,
 * where t = min(max(step - transitionBegin, 0), transitionSteps) / transitionSteps
 *
 * @param options `initValue` (finite), `endValue` (finite), `power` (> 0), `transitionSteps` (integer >= 1),
 *   `transitionBegin` (integer >= 0)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is unknown or has the wrong type; RangeError if a number is out of range
 *
 * @example
 * ```ts
 * const rate = polynomialDecay({ initValue: 1, endValue: 0, power: 2, transitionSteps: 4 });
 * rate(2); // => 0.25
 * rate(4); // => 0
 * ```
 *
 * Source: Axon 0.3.1, Axon.Schedules.polynomial_decay; the same as Optax's polynomial_schedule.
 */
export function polynomialDecay(options?: PolynomialDecayOptions): Schedule {
  const { initValue, endValue, power, transitionSteps, transitionBegin } = readOptions(
    "polynomialDecay",
    options,
    polynomialDecaySpec,
  );
  return (step) => {
    const left = Math.min(Math.max(transitionBegin + transitionSteps - step, 0), transitionSteps);
    return (initValue - endValue) * pow(left / transitionSteps, power) + endValue;
  };
}
