// What the schedules share: interpolation, lines through points, and the checks of options that hold several items.

import { sinPi } from "../math.ts";
import { type Descriptor, number, option, type Range, readOptions } from "../options.ts";
import type { Schedule } from "./schedule.ts";

/** How a value goes from one to another: along a straight line, or along half a wave of the cosine. */
export type Interpolation = "linear" | "cosine";

/** (1 - cos(πt)) / 2, from 0 at 0 to 1 at 1; as sin²(πt / 2), which does not cancel near 0. */
export function halfWave(t: number): number {
  const sine = sinPi(t / 2);
  return sine * sine;
}

/** The value `done` of `length` steps after `start`, on the way to `end`: from the nearer one, so that both are met. */
export function interpolate(start: number, end: number, done: number, length: number, kind: Interpolation): number {
  const left = length - done;
  const part = Math.min(done, left) / length;
  const weight = kind === "linear" ? part : halfWave(part);
  return done < left ? start + (end - start) * weight : end + (start - end) * weight;
}

/** A value at a step. */
export type Point = readonly [step: number, value: number];

/** The points around a step: the last at or before it (at least the first), and the next, if there is one. */
export function around(points: readonly Point[], step: number): readonly [Point, Point | undefined] {
  let next = 1;
  while (next < points.length && points[next]![0] <= step) next++;
  return [points[next - 1]!, points[next]];
}

/** A schedule through points in the order of their steps, the first of them at step 0; it keeps the last value. */
export function through(points: readonly Point[], kind: Interpolation): Schedule {
  return (step) => {
    const [[from, start], next] = around(points, step);
    return next ? interpolate(start, next[1], Math.max(step - from, 0), next[0] - from, kind) : start;
  };
}

/** An option that is one of two words. */
export function interpolation(initial: Interpolation): Descriptor<Interpolation> {
  return option(
    initial,
    '"linear" or "cosine"',
    (value): value is Interpolation => value === "linear" || value === "cosine",
  );
}

/** A number, or `null`, which is the default. */
export function numberOrNull(range: Range): Descriptor<number | null> {
  const { expected, is } = number(undefined, range);
  return {
    ...option<number | null>(
      null,
      `${expected}, or null`,
      (value): value is number | null => value === null || is(value),
    ),
    range,
  };
}

/** Checks each item of an option that holds several, under a name as `boundaries[0]`, as any other option. */
export function checkItems<T>(caller: string, name: string, items: object, descriptor: Descriptor<T>): void {
  const named = Object.entries(items).map(([key, item]) => [`${name}[${key}]`, item] as const);
  readOptions(caller, Object.fromEntries(named), Object.fromEntries(named.map(([each]) => [each, descriptor])));
}
