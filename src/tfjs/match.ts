// Which variables a checkpoint means, whose names may be counted differently in this session: tfjs-layers calls the first
// dense layer that it makes "dense_Dense1", whatever model it is for.

import { CheckpointError, TreeMismatchError } from "../errors.ts";
import { displayShape, sameShape } from "../tree/leaf.ts";
import { keyOf, type Path, plainName } from "./names.ts";

/** A variable, or what is saved of one. */
export interface Named {
  readonly path: Path;
  readonly shape: readonly number[];
}

/** A path without the numbers that were counted in a session, and those. */
function patternOf(path: Path): { readonly pattern: string; readonly counted: readonly number[] } {
  const [plain, copy] = plainName(path.join("/"));
  const counted: number[] = [];
  const keys = plain.split("/").map((key) => {
    const [stem, number] = splitAuto(key, path.length === 1);
    if (number !== null) counted.push(number);
    return number === null ? key : `${stem}#`;
  });
  return { pattern: keys.join("/"), counted: [...counted, copy] };
}

/** Splits what is a class's name in snake case, its name and a number: "conv2d_Conv2D12"; a variable's own number is its name. */
function splitAuto(key: string, isWhole: boolean): readonly [stem: string, number: number | null] {
  if (isWhole && /^\d+$/.test(key)) return ["", Number(key)];
  const [, snake, tail] = /^(.*)_([A-Z][A-Za-z0-9]*\d)$/.exec(key) ?? [];
  if (snake === undefined || tail === undefined) return [key, null];
  // A class's name may end in a digit itself.
  for (let at = tail.search(/\d+$/); at < tail.length; at++) {
    const name = tail.slice(0, at);
    if (snake.replaceAll("_", "").endsWith(name.toLowerCase())) {
      return [`${snake}_${name}`, Number(tail.slice(at))];
    }
  }
  return [key, null];
}

/** By pattern, in the order of the numbers. */
function ranked<T extends Named>(all: readonly T[]): Map<string, T[]> {
  const byPattern = new Map<string, { readonly one: T; readonly counted: readonly number[] }[]>();
  for (const one of all) {
    const { pattern, counted } = patternOf(one.path);
    byPattern.set(pattern, [...(byPattern.get(pattern) ?? []), { one, counted }]);
  }
  const compare = (a: readonly number[], b: readonly number[]) => {
    const i = a.findIndex((number, k) => number !== b[k]);
    return i < 0 ? 0 : a[i]! - b[i]!;
  };
  return new Map(
    [...byPattern].map(([pattern, some]) => [
      pattern,
      some.sort((a, b) => compare(a.counted, b.counted)).map(({ one }) => one),
    ]),
  );
}

/** Whether one has the name of the other and a number: so are weights of layers of one's own told apart, "scale/gain_1". */
export function isCounted(a: Named, b: Named): boolean {
  if (a.path.length < 2 || !sameShape(a.shape, b.shape)) return false;
  const [one, other] = [a.path.join("/"), b.path.join("/")];
  const [short, long] = one.length < other.length ? [one, other] : [other, one];
  return long.startsWith(`${short}_`) && /^\d+$/.test(long.slice(short.length + 1));
}

const same = (a: Named, b: Named): boolean => keyOf(a.path) === keyOf(b.path);

/**
 * Finds what is saved of variables.
 *
 * A saved set of as many variables of the same patterns and shapes is taken whole, in the order of the numbers. Otherwise
 * each pattern by itself: in that order if as many are saved as have come, else by their very names. What is left
 * is found by a name that has a number more or less.
 *
 * @param saved by set: those that stepped together
 * @returns of each variable: what is saved of it, undefined if nothing is
 * @throws CheckpointError if it cannot be told; TreeMismatchError for another shape
 */
export function match<T extends Named>(saved: readonly (readonly T[])[], come: readonly Named[]): (T | undefined)[] {
  const found = new Map<Named, T>();
  const wanted = ranked(come);
  const pair = (some: readonly Named[], own: readonly T[]) => {
    some.forEach((one, i) => {
      found.set(one, own[i]!);
    });
  };
  const alike = saved.map(ranked).filter((set) => isAlike(set, wanted));
  const whole =
    alike.find((set) =>
      [...set].every(([pattern, own]) => own.every((one, i) => same(one, wanted.get(pattern)![i]!))),
    ) ?? (alike.length > 1 ? undefined : alike[0]);
  if (alike.length > 1 && !whole) throw ambiguous(come, saved.flat());
  if (whole) {
    for (const [pattern, some] of wanted) pair(some, whole.get(pattern)!);
  } else {
    const all = ranked(saved.flat());
    for (const [pattern, some] of wanted) {
      const own = all.get(pattern) ?? [];
      if (own.length === some.length) {
        pair(some, own);
        continue;
      }
      const exact = some.filter((one) => own.some((other) => same(one, other)));
      if (own.length > 0 && exact.length === 0) throw ambiguous(some, own);
      for (const one of exact) found.set(one, own.find((other) => same(one, other))!);
    }
  }
  const taken = new Set(found.values());
  const rest = saved.flat().filter((one) => !taken.has(one));
  const alone = come.filter((one) => !found.has(one));
  for (const one of alone) {
    const [own, ...more] = rest.filter((other) => isCounted(one, other));
    if (own && more.length === 0 && !alone.some((other) => other !== one && isCounted(other, own))) found.set(one, own);
  }
  for (const [one, own] of found) {
    if (sameShape(one.shape, own.shape)) continue;
    throw new TreeMismatchError(
      `"${one.path.join("/")}" has shape ${displayShape(one.shape)}, "${own.path.join("/")}" of the checkpoint ${displayShape(own.shape)}`,
    );
  }
  return come.map((one) => found.get(one));
}

const isAlike = (a: ReadonlyMap<string, readonly Named[]>, b: ReadonlyMap<string, readonly Named[]>): boolean =>
  a.size === b.size &&
  [...a].every(([pattern, own]) => {
    const others = b.get(pattern);
    return others?.length === own.length && own.every(({ shape }, i) => sameShape(shape, others[i]!.shape));
  });

function ambiguous(come: readonly Named[], saved: readonly Named[]): CheckpointError {
  const words = (some: readonly Named[]) => {
    const names = some.map(({ path }) => `"${path.join("/")}"`);
    return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
  };
  return new CheckpointError(
    `the checkpoint has ${words(saved)}, of which ${words(come)} may be several: give the layers names of their own`,
  );
}
