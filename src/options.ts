import type { Control } from "./control.ts";
import { isControl } from "./control.ts";
import type { Schedule } from "./schedules/schedule.ts";
import { isPlainObject, show } from "./show.ts";

/** A numeric option of a rule: a number, a function of the step, or a control that is set between steps. */
export type Scalar = number | Schedule | Control;

/** Which numbers an option allows, and the words for it in an error. */
export interface Range {
  readonly words: string;
  readonly holds: (value: number) => boolean;
}

export const finite: Range = { words: "a finite number", holds: Number.isFinite };
export const positive: Range = { words: "a finite number > 0", holds: (value) => value > 0 };
export const nonNegative: Range = atLeast(0);
export const unit: Range = { words: "a number in [0, 1)", holds: (value) => value >= 0 && value < 1 };
export const positiveInteger: Range = {
  words: "an integer >= 1",
  holds: (value) => Number.isSafeInteger(value) && value > 0,
};
export const nonNegativeInteger: Range = {
  words: "an integer >= 0",
  holds: (value) => Number.isSafeInteger(value) && value >= 0,
};

export function atLeast(low: number): Range {
  return { words: `a finite number >= ${low}`, holds: (value) => value >= low };
}

/** What one option may be. Invariant in `T`, so that a hand-written options type can't promise more, or less. */
export interface Descriptor<in out T> {
  /** The default; without one the option is required. */
  readonly initial: T | undefined;
  readonly expected: string;
  readonly is: (value: unknown) => value is T;
  /** Of numeric options: checked on a number and on a control's current value. */
  readonly range?: Range;
}

/** A descriptor for each option of `Options`: `satisfies OptionSpec<AdamOptions>` refuses a missing or foreign one. */
// biome-ignore lint/suspicious/noExplicitAny: `Descriptor` is invariant, so nothing else stands for any options.
export type OptionSpec<Options extends object = Record<string, any>> = {
  readonly [Name in keyof Options]-?: Descriptor<Exclude<Options[Name], undefined>>;
};

type Value<D> = D extends Descriptor<infer T> ? T : never;

/** The options after {@link readOptions}: all there, schedules and controls as they were given. */
export type Resolved<Spec extends OptionSpec> = { readonly [Name in keyof Spec]: Value<Spec[Name]> };

/** The options at one step, after {@link resolveAll}: a scalar is a number. */
export type AtStep<Spec extends OptionSpec> = {
  readonly [Name in keyof Spec]: Control extends Value<Spec[Name]> ? number : Value<Spec[Name]>;
};

/** An option of any other kind; `expected` completes "expected …" in an error. */
export function option<T>(initial: T | undefined, expected: string, is: (value: unknown) => value is T): Descriptor<T> {
  return { initial, expected, is };
}

/** A boolean. */
export function flag(initial: boolean | undefined): Descriptor<boolean> {
  return option(initial, "true or false", (value) => typeof value === "boolean");
}

/** An object, or nothing. */
export function object(expected: string): Descriptor<object | undefined> {
  return option<object | undefined>(
    undefined,
    expected,
    (value): value is object | undefined => value === undefined || (typeof value === "object" && value !== null),
  );
}

/** A number, for the optimizer's whole life. */
export function number(initial: number | undefined, range: Range): Descriptor<number> {
  return { initial, expected: range.words, is: (value) => typeof value === "number", range };
}

/** A number that may change from step to step. */
export function scalar(initial: Scalar | undefined, range: Range): Descriptor<Scalar> {
  return { initial, expected: `${range.words}, a schedule or a control`, is: isScalar, range };
}

function isScalar(value: unknown): value is Scalar {
  return typeof value === "number" || typeof value === "function" || isControl(value);
}

/** What every optimizer takes. */
export interface LearningRateOptions {
  /** η ≥ 0: a number, a schedule `(step) => number`, or a control. Negated by the optimizer. */
  readonly learningRate?: Scalar | undefined;
}

/** Its spec. */
export const learningRate = (initial: number) => ({ learningRate: scalar(initial, nonNegative) });

/**
 * Checks the options object of one call and fills in the defaults; an explicit `undefined` takes its default too.
 *
 * @param caller the function's name, as the user wrote it
 * @param before its arguments in front of the options, for the same
 * @throws TypeError if `given` is not a plain object, if an option is unknown or has the wrong type;
 *   RangeError if a number is out of range
 */
export function readOptions<Spec extends OptionSpec>(
  caller: string,
  given: unknown,
  spec: Spec,
  before = "",
): Resolved<Spec> {
  const options = given === undefined ? {} : given;
  if (!isPlainObject(options)) throw new TypeError(`${usage(caller, spec, before)}, got ${show(given)}`);
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(spec, name)) throw new TypeError(unknownOption(caller, name, Object.keys(spec)));
  }
  const resolved: Record<string, unknown> = {};
  for (const [name, { initial, expected, is, range }] of Object.entries(spec)) {
    // Not what a page has put on Object.prototype.
    const own = Object.hasOwn(options, name) ? options[name] : undefined;
    const value = own === undefined ? initial : own;
    if (!is(value)) {
      const found = value === undefined ? "missing" : show(value);
      throw new TypeError(`${caller}: ${name} is ${found}, expected ${expected}`);
    }
    if (range && value !== null && typeof value !== "function")
      checkRange(isControl(value) ? value.value : value, range, caller, name);
    resolved[name] = value;
  }
  return resolved as Resolved<Spec>;
}

/**
 * The number that a scalar option is at a step.
 *
 * @throws RangeError if a schedule returns, or a control holds, what is no number, not finite or out of range
 */
export function resolve(value: Scalar, step: number, caller: string, name: string, range: Range = finite): number {
  const now = typeof value === "function" ? value(step) : isControl(value) ? value.value : value;
  checkRange(now, range, caller, name, ` at step ${step}`);
  return now;
}

/** All options at a step: each scalar as its number (see {@link resolve}), the others as they are. */
export function resolveAll<Spec extends OptionSpec>(
  options: Resolved<Spec>,
  step: number,
  caller: string,
  spec: Spec,
): AtStep<Spec> {
  const now: Record<string, unknown> = {};
  for (const name in spec) {
    const { range } = spec[name]!;
    now[name] = range ? resolve(options[name], step, caller, name, range) : options[name];
  }
  return now as AtStep<Spec>;
}

function checkRange(value: unknown, range: Range, caller: string, name: string, when = ""): void {
  // Every number ends in a float32 plane or scalar: beyond its range it would be an infinity there.
  const fits = typeof value === "number" && Number.isFinite(Math.fround(value));
  if (fits && range.holds(value)) return;
  const limit = Number.isFinite(value) && !fits ? ", at most 3.4e38 (float32)" : "";
  throw new RangeError(`${caller}: ${name} is ${show(value)}${when}, expected ${range.words}${limit}`);
}

function usage(caller: string, spec: OptionSpec, before: string): string {
  const first = Object.entries(spec)[0];
  if (!first) return `${caller} takes no options`;
  const [name, { initial }] = first;
  return `${caller} takes one options object, as in ${caller}(${before}{ ${name}: ${initial === undefined ? "…" : show(initial)} })`;
}

function unknownOption(caller: string, name: string, allowed: readonly string[]): string {
  const meant = suggest(name, allowed);
  const hint = meant.length > 0 ? `; did you mean ${meant.join(" and ")}?` : ".";
  return `${caller} has no option ${name}${hint} It takes ${allowed.join(", ") || "none"}`;
}

// Names of PyTorch and others, in lower case and without underscores.
const foreign = new Map([
  ["lr", "learningRate"],
  ["betas", "b1 b2"],
  ["beta1", "b1"],
  ["beta2", "b2"],
  ["weightdecay", "decay"],
  ["epsilon", "eps"],
  ["maxgradnorm", "maxNorm"],
]);

function suggest(name: string, allowed: readonly string[]): readonly string[] {
  const plain = name.replace(/[_-]/g, "").toLowerCase();
  const known = (foreign.get(plain) ?? "").split(" ").filter((candidate) => allowed.includes(candidate));
  if (known.length > 0) return known;
  for (let edits = 0; edits <= (plain.length > 4 ? 2 : 1); edits++) {
    const near = allowed.find((candidate) => distance(plain, candidate.toLowerCase()) === edits);
    if (near) return [near];
  }
  return [];
}

/** Levenshtein's distance, one row at a time. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
