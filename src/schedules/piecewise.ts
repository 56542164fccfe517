import { finite, nonNegative, nonNegativeInteger, number, type OptionSpec, option, readOptions } from "../options.ts";
import { isPlainObject, show } from "../show.ts";
import { around, checkItems, type Interpolation, interpolation, type Point, through } from "./curves.ts";
import type { Schedule } from "./schedule.ts";

export interface PiecewiseConstantOptions {
  /** The first value, a finite number. */
  readonly initValue: number;
  /** By step, an integer >= 0: what the value is multiplied by from that step on, a finite number >= 0. */
  readonly boundariesAndScales: Readonly<Record<number, number>>;
}

export interface PiecewiseInterpolateOptions extends PiecewiseConstantOptions {
  /** The way from one value to the next, `"linear"` or `"cosine"`; `"linear"` by default. */
  readonly interpolate?: Interpolation | undefined;
}

const piecewiseConstantSpec = {
  initValue: number(undefined, finite),
  boundariesAndScales: option<Readonly<Record<number, number>>>(
    undefined,
    "an object of scales by step, as { 5: 0.5 }",
    (value): value is Readonly<Record<number, number>> => isPlainObject(value),
  ),
} satisfies OptionSpec<PiecewiseConstantOptions>;

const piecewiseInterpolateSpec = {
  ...piecewiseConstantSpec,
  interpolate: interpolation("linear"),
} satisfies OptionSpec<PiecewiseInterpolateOptions>;

/** The value at step 0 and at each boundary: scales multiply. */
function pointsOf(caller: string, { initValue, boundariesAndScales }: PiecewiseConstantOptions): readonly Point[] {
  const misplaced = Object.keys(boundariesAndScales).find(
    (key) => String(Number(key)) !== key || !nonNegativeInteger.holds(Number(key)),
  );
  if (misplaced !== undefined) {
    const expected = `expected ${nonNegativeInteger.words}`;
    throw new RangeError(`${caller}: a step of boundariesAndScales is ${show(misplaced)}, ${expected}`);
  }
  checkItems(caller, "boundariesAndScales", boundariesAndScales, number(undefined, nonNegative));
  const points: Point[] = [[0, initValue]];
  const scales = Object.entries(boundariesAndScales).map(([step, scale]) => [Number(step), scale] as const);
  for (const [step, scale] of scales.sort(([a], [b]) => a - b)) points.push([step, points.at(-1)![1] * scale]);
  return points;
}

/**
 * Multiplies a value by a factor at each of the given steps, and keeps it between them.
 *
 * value = initValue · product of the scales whose step is <= step
 *
 * @param options `initValue` (finite), `boundariesAndScales` (an object: steps, integers >= 0, to factors, finite
 *   numbers >= 0)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is missing, unknown or has the wrong type; RangeError if a step or a number is out of
 *   range
 *
 * @example
 * ```ts
 * const rate = piecewiseConstant({ initValue: 1, boundariesAndScales: { 5: 0.5, 12: 0.5 } });
 * rate(4); // => 1
 * rate(5); // => 0.5
 * rate(12); // => 0.25
 * ```
 *
 * Source: Optax, piecewise_constant_schedule. PyTorch's MultiStepLR is this with the same factor at each milestone.
 */
export function piecewiseConstant(options: PiecewiseConstantOptions): Schedule {
  const points = pointsOf("piecewiseConstant", readOptions("piecewiseConstant", options, piecewiseConstantSpec));
  return (step) => around(points, step)[0][1];
}

/**
 * Goes through the values that {@link piecewiseConstant} takes at its steps, without jumps.
 *
 * Between two steps a < b with the values u and v: value = u + (v - u) · w, where w = (step - a) / (b - a), or
 * (1 - cos(π · (step - a) / (b - a))) / 2 for `"cosine"`. From `initValue` at step 0; after the last step its value.
 *
 * @param options `initValue` (finite), `boundariesAndScales` (an object: steps, integers >= 0, to factors, finite
 *   numbers >= 0), `interpolate` (`"linear"` or `"cosine"`)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is missing, unknown or has the wrong type; RangeError if a step or a number is out of
 *   range
 *
 * @example
 * ```ts
 * const rate = piecewiseInterpolate({ initValue: 1, boundariesAndScales: { 4: 0.5, 8: 0 } });
 * rate(2); // => 0.75
 * rate(4); // => 0.5
 * rate(6); // => 0.25
 * ```
 *
 * Source: Optax, piecewise_interpolate_schedule.
 */
export function piecewiseInterpolate(options: PiecewiseInterpolateOptions): Schedule {
  const read = readOptions("piecewiseInterpolate", options, piecewiseInterpolateSpec);
  return through(pointsOf("piecewiseInterpolate", read), read.interpolate);
}

export interface JoinOptions {
  /** One schedule after the other, at least one. */
  readonly schedules: readonly Schedule[];
  /** The steps where the next schedule begins, integers >= 0 in ascending order: one fewer than schedules. */
  readonly boundaries: readonly number[];
}

const joinSpec = {
  schedules: option<readonly Schedule[]>(
    undefined,
    "an array of schedules, at least one",
    (value): value is readonly Schedule[] => Array.isArray(value) && value.length > 0,
  ),
  boundaries: option<readonly number[]>(undefined, "an array of steps", Array.isArray),
} satisfies OptionSpec<JoinOptions>;

const schedule = option(undefined, "a schedule", (value): value is Schedule => typeof value === "function");

/**
 * One schedule after the other; each counts its steps from its own beginning.
 *
 * value = schedules[i](step - boundaries[i - 1]), where i is the number of boundaries <= step and the first schedule
 * begins at 0
 *
 * @param options `schedules` (functions of the step, at least one), `boundaries` (one fewer; integers >= 0, ascending)
 * @returns a function of the step, an integer >= 0
 * @throws TypeError if an option is missing, unknown or has the wrong type; RangeError if a boundary is out of range or
 *   their number is not one fewer
 *
 * @example
 * ```ts
 * const warmup = linear({ initValue: 0, endValue: 1, transitionSteps: 5 });
 * const decay = cosineDecay({ initValue: 1, decaySteps: 10 });
 * const rate = join({ schedules: [warmup, constant({ initValue: 1 }), decay], boundaries: [5, 15] });
 * rate(0); // => 0
 * rate(14); // => 1
 * rate(25); // => 0
 * ```
 *
 * Source: Optax, join_schedules; PyTorch's SequentialLR.
 */
export function join(options: JoinOptions): Schedule {
  const read = readOptions("join", options, joinSpec);
  // Copies: what the caller does to the arrays later changes nothing. Holes become undefined, which is refused.
  const [schedules, boundaries] = [Array.from(read.schedules), Array.from(read.boundaries)];
  checkItems("join", "schedules", schedules, schedule);
  checkItems("join", "boundaries", boundaries, number(undefined, nonNegativeInteger));
  if (boundaries.length !== schedules.length - 1) {
    const expected = `expected ${schedules.length - 1}, one fewer than schedules`;
    throw new RangeError(`join: boundaries has ${boundaries.length} steps, ${expected}`);
  }
  const early = boundaries.findIndex((boundary, i) => boundary < boundaries[i - 1]!);
  if (early !== -1) {
    const before = boundaries[early - 1];
    throw new RangeError(`join: boundaries[${early}] is ${boundaries[early]}, expected an integer >= ${before}`);
  }
  return (step) => {
    let i = boundaries.length;
    while (i > 0 && step < boundaries[i - 1]!) i--;
    return schedules[i]!(step - (i > 0 ? boundaries[i - 1]! : 0));
  };
}
