import { finite, nonNegativeInteger, number, type OptionSpec, positiveInteger, readOptions } from "../options.ts";
import { interpolate } from "./curves.ts";
import type { Schedule } from "./schedule.ts";

export interface LinearOptions {
  /** The first value, a finite number. */
  readonly initValue: number;
  /** The last value, a finite number. */
  readonly endValue: number;
  /** Steps from the first value to the last, an integer >= 1. */
  readonly transitionSteps: number;
  /** Steps before the value begins to change, an integer >= 0; 0 by default. */
  readonly transitionBegin?: number | undefined;
}

const linearSpec = {
  initValue: number(undefined, finite),
  endValue: number(undefined, finite),
  transitionSteps: number(undefined, positiveInteger),
  transitionBegin: number(0, nonNegativeInteger),
} satisfies OptionSpec<LinearOptions>;

/**
 * Takes a value to another along a straight line, then keeps it.
 *
 * value = initValue + (endValue - initValue) · min(max(step - transitionBegin, 0), transitionSteps) / transitionSteps
 *
 * @param options `initValue` (finite), `endValue` (finite), `transitionSteps` (integer >= 1), `transitionBegin`
 *   (integer >= 0)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is missing, unknown or has the wrong type; RangeError if a number is out of range
 *
 * @example
 * ```ts
 * const rate = linear({ initValue: 0, endValue: 1, transitionSteps: 4 });
 * rate(1); // => 0.25
 * rate(4); // => 1
 * ```
 *
 * Source: Optax, linear_schedule. PyTorch's LinearLR is this with the factors multiplied out.
 */
export function linear(options: LinearOptions): Schedule {
  const { initValue, endValue, transitionSteps, transitionBegin } = readOptions("linear", options, linearSpec);
  return (step) => {
    const done = Math.min(Math.max(step - transitionBegin, 0), transitionSteps);
    return interpolate(initValue, endValue, done, transitionSteps, "linear");
  };
}
