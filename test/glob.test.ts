import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import { byPath, except, matches } from "../src/glob.ts";
import { pathName } from "../src/tree/path.ts";

/** The definition, key by key and character by character. */
function matchesKeys([pattern, ...patterns]: readonly string[], keys: readonly string[]): boolean {
  if (pattern === undefined) return keys.length === 0;
  const [key, ...rest] = keys;
  if (pattern === "**") {
    return matchesKeys(patterns, keys) || (key !== undefined && matchesKeys([pattern, ...patterns], rest));
  }
  return key !== undefined && matchesKey(pattern, key) && matchesKeys(patterns, rest);
}

function matchesKey(pattern: string, key: string): boolean {
  const [first, second] = pattern;
  if (first === undefined) return key === "";
  if (first === "*") return matchesKey(pattern.slice(1), key) || (key !== "" && matchesKey(pattern, key.slice(1)));
  if (first === "?") return key !== "" && matchesKey(pattern.slice(1), key.slice(1));
  if (first === "\\") return second === key[0] && matchesKey(pattern.slice(2), key.slice(1));
  return first === key[0] && matchesKey(pattern.slice(1), key.slice(1));
}

// Few letters, so that patterns match by chance; all that means something in globs, expressions or paths.
const letter = fc.constantFrom("a", "b");
const sign = fc.constantFrom(...".*?[](){}!+@|^$-,;:# \\\n\u00e9");
const character = fc.oneof({ weight: 3, arbitrary: letter }, { weight: 2, arbitrary: sign });
const key = fc.string({ unit: fc.oneof({ weight: 9, arbitrary: character }, fc.constantFrom("~", "/")), maxLength: 3 });

/** A piece of a pattern, with a piece of a key that it matches. */
const literal = (text: string) => [pathName([text]).replace(/[\\*?]/g, "\\$&"), text] as const;
const piece = fc.oneof(
  { weight: 4, arbitrary: key.filter((text) => text !== "").map(literal) },
  { weight: 2, arbitrary: key.map((text) => ["*", text] as const) },
  { weight: 1, arbitrary: character.map((text) => ["?", text] as const) },
);
/** A key of a pattern, with keys that it matches. */
const part = fc.oneof(
  { weight: 2, arbitrary: fc.array(key, { maxLength: 3 }).map((keys) => ["**", keys] as const) },
  {
    weight: 5,
    arbitrary: fc
      .array(piece, { minLength: 1, maxLength: 3 })
      .map((pieces) => [pieces.map(([a]) => a).join(""), [pieces.map(([, b]) => b).join("")]] as const),
  },
);
const pattern = fc
  .array(part, { minLength: 1, maxLength: 4 })
  .map((parts) => ({ patterns: parts.map(([a]) => a), keys: parts.flatMap(([, b]) => b) }));
const runs = { numRuns: 3000, seed: 7 };

describe("a pattern matches what its definition says", () => {
  it("of the paths that it was made for: each", () => {
    const property = fc.property(pattern, ({ patterns, keys }) => {
      const path = pathName(keys);
      expect(matchesKeys(patterns, path.split("/"))).toBe(true);
      expect(matches(patterns.join("/"))(path)).toBe(matchesKeys(patterns, path.split("/")));
    });
    fc.assert(property, runs);
  });

  it("of any paths: some", () => {
    let matched = 0;
    const property = fc.property(pattern, fc.array(key, { minLength: 1, maxLength: 4 }), ({ patterns }, keys) => {
      const path = pathName(keys);
      const expected = matchesKeys(patterns, path.split("/"));
      expect(matches(patterns.join("/"))(path)).toBe(expected);
      matched += Number(expected);
    });
    fc.assert(property, runs);
    expect(matched).toBeGreaterThan(runs.numRuns / 50);
  });

  it.each([
    ["**/bias", "bias", true],
    ["**/bias", "layers/0/bias", true],
    ["**/bias", "layers/0/rebias", false],
    ["head/**", "head", true],
    ["head/**", "head/0/kernel", true],
    ["head/**", "heads/kernel", false],
    ["**", "", true],
    ["**", "a//b/.c", true],
    ["**/**/**", "a", true],
    ["*", ".hidden", true],
    ["*", "..", true],
    ["*", "a/b", false],
    ["layers/*/weight", "layers/12/weight", true],
    ["layers/*/weight", "layers/0/attention/weight", false],
    ["layers/1?/**", "layers/12/weight", true],
    ["layers/1?/**", "layers/1/weight", false],
    ["q.weight", "qxweight", false],
    ["w[0]", "w[0]", true],
    ["w[0]", "w0", false],
    ["{a,b}", "a", false],
    ["!a", "b", false],
    ["\\*", "*", true],
    ["\\*", "a", false],
    ["a\\\\b", "a\\b", true],
    ["a/b", "a\\b", false],
    ["a/b", "a//b", false],
    ["a/*/b", "a//b", true],
    ["a", "a/", false],
    ["a~1b", pathName(["a/b"]), true],
    ["A", "a", false],
  ])("%j of %j: %s", (pattern, path, expected) => {
    expect(matches(pattern)(path)).toBe(expected);
  });

  it("in no time, however deep the path and many the stars", () => {
    const deep = "layers/".repeat(200);
    expect(matches("**/a/**/b/**")(`${deep}c`)).toBe(false);
    expect(matches("*a*a*a*a*b")("a".repeat(60))).toBe(false);
    expect(matches("**")(`${deep}c`)).toBe(true);
  });
});

describe("byPath", () => {
  it("takes the first pattern that matches, in the order of the keys", () => {
    const label = byPath({ "head/bias": "fixed", "**/bias": "noDecay", "head/**": "head", "**": "rest" });
    const paths = ["head/bias", "bias", "body/bias", "head/kernel", "body/kernel"];
    expect(paths.map(label)).toEqual(["fixed", "noDecay", "noDecay", "head", "rest"]);
  });

  it("keeps the labels' type, and makes masks of booleans", () => {
    const label = byPath({ "**/bias": "noDecay", "**": "rest" });
    expectTypeOf(label).returns.toEqualTypeOf<"noDecay" | "rest">();
    expect(["bias", "kernel"].map(byPath({ "**/bias": false, "**": true }))).toEqual([false, true]);
  });

  it("names the path that nothing matches, and what would", () => {
    expect(() => byPath({ "**/bias": "a" })("head/kernel")).toThrow(
      new TypeError('byPath: no pattern matches "head/kernel"; a last "**" takes all the rest'),
    );
  });

  it.each([
    [undefined, "byPath: labels is undefined, expected patterns and labels"],
    [["**"], "byPath: labels is an array, expected patterns and labels"],
    [{ "/bias": "a" }, 'byPath: "/bias" has an empty key, expected a pattern such as "head/kernel"'],
    [{ "": "a" }, 'byPath: "" has an empty key, expected a pattern such as "head/kernel"'],
  ])("refuses %j", (labels, message) => {
    expect(() => byPath(labels as never)).toThrow(new TypeError(message));
  });
});

describe("matches and except", () => {
  it("take any of several patterns, and are each other's contrary", () => {
    const paths = ["bias", "norm/scale", "dense/kernel"];
    expect(paths.map(matches("**/bias", "**/scale"))).toEqual([true, true, false]);
    expect(paths.map(except("**/bias", "**/scale"))).toEqual([false, false, true]);
    expect([matches()("a"), except()("a")]).toEqual([false, true]);
  });

  it.each([
    ["matches", matches],
    ["except", except],
  ])("%s refuses what is no pattern", (name, make) => {
    expect(() => make(/bias/ as never)).toThrow(
      new TypeError(`${name}: a pattern is an instance of RegExp, expected a string`),
    );
    expect(() => make("a", "head//bias")).toThrow(`${name}: "head//bias" has an empty key`);
    expect(() => make("head/")).toThrow(`${name}: "head/" has an empty key`);
  });
});
