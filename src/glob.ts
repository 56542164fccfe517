// Patterns over the paths of leaves, for partition and masked.

// @ts-types="./wildcard-match.d.ts"
import wildcardMatch from "wildcard-match";
import { isPlainObject, show } from "./show.ts";

type Matcher = (path: string) => boolean;

/**
 * Gives every leaf the label of the first pattern that matches its path: the labels of a `partition`, or with booleans
 * the mask of a `masked`.
 *
 * In a pattern `*` stands for any characters of one key, `?` for one, `**` in the place of a key for any number of keys,
 * none included: `**\/bias` matches "bias" and "layers/0/bias", `head/**` matches "head" and "head/kernel". All else
 * stands for itself, dots, brackets and braces too; `\` takes the meaning of the character behind it. Paths are keys
 * joined by `/`, with `~` and `/` inside a key as `~0` and `~1`.
 *
 * @param labels patterns and their labels; of several that match the first counts (keys that are whole numbers come
 *   first in every object)
 * @returns a function of the path. It throws a TypeError for a path that nothing matches: a last "**" takes all the rest
 * @throws TypeError if `labels` is not a plain object, or a pattern has an empty key, as "/bias" has
 *
 * @example
 * ```ts
 * import { byPath } from "lanestep/glob";
 *
 * const label = byPath({ "**\/bias": "noDecay", "head/**": "head", "**": "rest" });
 * label("layers/0/bias"); // => "noDecay"
 * label("head/kernel"); // => "head"
 * label("layers/0/kernel"); // => "rest"
 * ```
 */
export function byPath<const Label extends string | boolean>(
  labels: Readonly<Record<string, Label>>,
): (path: string) => Label {
  if (!isPlainObject(labels)) throw new TypeError(`byPath: labels is ${show(labels)}, expected patterns and labels`);
  const rules = Object.entries(labels).map(([pattern, label]) => [matcher("byPath", pattern), label] as const);
  return (path) => {
    const found = rules.find(([matches]) => matches(path));
    if (!found) throw new TypeError(`byPath: no pattern matches "${path}"; a last "**" takes all the rest`);
    return found[1];
  };
}

/**
 * The mask of the leaves whose path one of the patterns matches, for `masked`.
 *
 * @param patterns as for {@link byPath}
 * @returns a function of the path
 * @throws TypeError if a pattern is not a string, or has an empty key, as "/bias" has
 *
 * @example
 * ```ts
 * import { matches } from "lanestep/glob";
 *
 * const isHead = matches("head/**");
 * isHead("head/kernel"); // => true
 * isHead("layers/0/kernel"); // => false
 * ```
 */
export function matches(...patterns: readonly string[]): Matcher {
  const matchers = patterns.map((pattern) => matcher("matches", pattern));
  return (path) => matchers.some((matches) => matches(path));
}

/**
 * The mask of all leaves but those whose path one of the patterns matches, for `masked`: weight decay leaves out
 * `except("**\/bias", "**\/scale")`.
 *
 * @param patterns as for {@link byPath}
 * @returns a function of the path
 * @throws TypeError if a pattern is not a string, or has an empty key, as "/bias" has
 *
 * @example
 * ```ts
 * import { except } from "lanestep/glob";
 *
 * const isDecayed = except("**\/bias", "**\/scale");
 * isDecayed("layers/0/kernel"); // => true
 * isDecayed("layers/0/bias"); // => false
 * ```
 */
export function except(...patterns: readonly string[]): Matcher {
  const matchers = patterns.map((pattern) => matcher("except", pattern));
  return (path) => !matchers.some((matches) => matches(path));
}

/** A dot before every key: the package takes an empty key between two slashes for none. */
const dotted = (path: string): string => `.${path.replaceAll("/", "/.")}`;

function matcher(caller: string, pattern: unknown): Matcher {
  if (typeof pattern !== "string") throw new TypeError(`${caller}: a pattern is ${show(pattern)}, expected a string`);
  const keys = pattern.split("/");
  if (keys.includes("")) {
    throw new TypeError(`${caller}: ${show(pattern)} has an empty key, expected a pattern such as "head/kernel"`);
  }
  // The package knows ** once in a row; more of them mean the same.
  const parts = keys.filter((key, i) => key !== "**" || keys[i - 1] !== "**");
  const matches = wildcardMatch(parts.map((key) => (key === "**" ? key : dotted(key))).join("/"), "/");
  return (path) => matches(dotted(path));
}
