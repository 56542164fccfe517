// Random chains, trees and numbers, as plain data: what fast-check prints can be pasted into a test, and a second copy
// of the library can build it too.

import fc from "fast-check";
import type * as Lanestep from "../../src/index.ts";

export type Library = typeof Lanestep;

/** A rule by its function's name. `half` is a user's function. */
export interface RuleSpec {
  readonly rule: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** The chain that it stands in front of, or the chains of its groups; `seed` says which leaf is in which. */
  readonly inner?: readonly RuleSpec[];
  readonly groups?: readonly (readonly RuleSpec[])[];
  readonly seed?: number;
}

/** A leaf: its shape; `bare` ones are given as a typed array or a number. */
interface LeafSpec {
  readonly shape: readonly number[];
  readonly bare: boolean;
}

export type TreeSpec = LeafSpec | { readonly [key: string]: TreeSpec } | readonly TreeSpec[];

/** Numbers of a whole tree. */
export interface Fill {
  readonly kind: "normal" | "wide" | "zero" | "special" | "huge" | "tiny";
  readonly seed: number;
}

/** FC_SEED and FC_RUNS try other chains, and more of them. */
export const runs = (numRuns: number): fc.Parameters<unknown> => ({
  seed: Number(process.env.FC_SEED ?? 20_240_901),
  numRuns: Number(process.env.FC_RUNS ?? numRuns),
});

const among = <const T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

/** In [0, 0.9999]: closer to 1, 1 − decay has lost its digits in f32. Not below 0.1, or old state falls out of f32. */
const decay = fc.oneof(
  among(0, 0.5, 0.9, 0.99, 0.999, 0.9999),
  fc.integer({ min: 1000, max: 9999 }).map((n) => n / 1e4),
);
const finite = fc.oneof(
  among(1, -1, 0, -0.1, -1e-3, 1e-4),
  fc.integer({ min: -2000, max: 2000 }).map((n) => n / 1e3),
);
const initial = among(0, 1e-6, 0.1);
const eps = among(0, 1e-16, 1e-8, 1e-3, 1);
const moments = { b1: decay, b2: decay, eps, epsRoot: eps };
const seed = fc.oneof(fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }));

/** Options in their ranges. */
const ruleOptions = {
  addDecayedWeights: fc.record({ decay: finite }),
  addNoise: fc.record({ eta: among(0, 0.01, 1), gamma: among(0, 0.55), seed }),
  averageParams: fc.record({ decay, debias: fc.boolean() }),
  centralize: fc.constant({}),
  clip: fc.record({ delta: among(0, 0.1, 1, 2, 1e10) }),
  clipByGlobalNorm: fc.record({ maxNorm: among(0, 0.5, 1, 1e3), order: among(2, Infinity) }),
  ema: fc.record({ decay, debias: fc.boolean() }),
  half: fc.constant({}),
  reduceOnPlateau: fc.record({
    ...{ factor: among(0, 0.1, 0.5), patience: among(1, 2, 3), cooldown: among(0, 1, 2), rtol: among(0, 1e-4, 0.1) },
    ...{ atol: among(0, 0.1), minScale: among(0, 0.3) },
  }),
  scale: fc.record({ step: finite }),
  scaleByAdadelta: fc.record({ rho: decay, eps }),
  scaleByAdam: fc.record(moments),
  scaleByAdamax: fc.record({ b1: decay, b2: decay, eps }),
  scaleByBelief: fc.record(moments),
  scaleByLearningRate: fc.record({ learningRate: among(0, 1e-3, 0.1, 1) }),
  scaleByLion: fc.record({ b1: decay, b2: decay }),
  scaleByRadam: fc.record({ ...moments, threshold: among(4, 4.5, 5, 6) }),
  scaleByRms: fc.record({ decay, eps, initialScale: initial }),
  scaleByRss: fc.record({ initialAccumulatorValue: initial, eps }),
  scaleBySchedule: fc.record({ rate: finite }),
  scaleByState: fc.record({ value: finite }),
  scaleByStddev: fc.record({ decay, eps, initialScale: initial }),
  scaleByTrustRatio: fc.record({ minNorm: among(0, 0.5), trustCoefficient: among(1, 1e-3), eps: among(0, 1e-6) }),
  scaleByYogi: fc.record({ ...moments, initialAccumulatorValue: initial }),
  trace: fc.record({ decay: fc.oneof(decay, fc.constant(1)), nesterov: fc.boolean() }),
  zeroNans: fc.constant({}),
} satisfies Record<string, fc.Arbitrary<Readonly<Record<string, unknown>>>>;

export type RuleName = keyof typeof ruleOptions;
export const ruleNames = Object.keys(ruleOptions) as RuleName[];

/** With negative factors an update can take the parameters away, and leave their rounding. */
export const positive = (chain: readonly RuleSpec[]): RuleSpec[] =>
  chain.map(({ options, ...spec }) => {
    const entries = Object.entries(options).map(([name, x]) => [name, typeof x === "number" ? Math.abs(x) : x]);
    const inner = spec.inner && { inner: positive(spec.inner) };
    const groups = spec.groups && { groups: spec.groups.map(positive) };
    return { ...spec, ...inner, ...groups, options: Object.fromEntries(entries) };
  });

export const anyRule = (names: readonly RuleName[] = ruleNames): fc.Arbitrary<RuleSpec> =>
  fc.constantFrom(...names).chain((rule) => ruleOptions[rule].map((options) => ({ rule, options })));

/** Options of the rules that take an update first. */
const wrapperOptions = {
  accumulate: fc.record({ every: among(1, 2, 3, 4), mean: fc.boolean() }),
  lookahead: fc.record({ every: among(1, 2, 3), rate: among(0, 0.3, 0.5, 1) }),
  skipNonFinite: fc.constant({ maxConsecutive: 1000 }),
} satisfies Record<string, fc.Arbitrary<Readonly<Record<string, unknown>>>>;

export const wrapperNames = Object.keys(wrapperOptions) as (keyof typeof wrapperOptions)[];

/** One that takes an update first, with nothing in it. */
export const anyWrapper = (rule: keyof typeof wrapperOptions): fc.Arbitrary<RuleSpec> =>
  wrapperOptions[rule].map((options) => ({ rule, options, inner: [] }));

/** Chains with groups, gates and what looks ahead, in one another. */
export function anyNested(
  names: readonly RuleName[] = ruleNames,
  wrappers: readonly (keyof typeof wrapperOptions)[] = wrapperNames,
): fc.Arbitrary<RuleSpec[]> {
  const chainOf = (rules: fc.Arbitrary<RuleSpec>) => fc.array(rules, { maxLength: 4 });
  const simple = anyRule(names);
  const freeze = fc.constant<RuleSpec>({ rule: "freeze", options: {} });
  const { rules } = fc.letrec<{ rule: RuleSpec; group: RuleSpec; rules: RuleSpec[] }>((tie) => ({
    rules: chainOf(tie("rule")),
    group: fc.oneof({ arbitrary: tie("rule"), weight: 9 }, { arbitrary: freeze, weight: 1 }),
    rule: fc.oneof(
      { depthSize: "small", withCrossShrink: true, maxDepth: 3 },
      { arbitrary: simple, weight: 6 },
      {
        arbitrary: fc
          .tuple(fc.constantFrom(...wrappers).chain(anyWrapper), tie("rules"))
          .map(([spec, inner]) => ({ ...spec, inner })),
        weight: 3,
      },
      {
        arbitrary: fc
          .tuple(fc.array(chainOf(tie("group")), { minLength: 1, maxLength: 3 }), fc.nat(1000))
          .map(([groups, seed]) => ({ rule: "partition", options: {}, groups, seed })),
        weight: 3,
      },
      {
        arbitrary: fc
          .tuple(chainOf(tie("group")), fc.nat(1000))
          .map(([inner, seed]) => ({ rule: "masked", options: {}, inner, seed })),
        weight: 1,
      },
    ),
  }));
  return rules.filter((chain) => chain.length > 0);
}

/** What cuts a chain, folds along it, or chooses between loops is more frequent: faults hide where several of it meet. */
export function anyChain(names: readonly RuleName[] = ruleNames, minLength = 1): fc.Arbitrary<RuleSpec[]> {
  const frequent = [
    "scaleByTrustRatio",
    "clipByGlobalNorm",
    "centralize",
    "addDecayedWeights",
    "scaleByRadam",
  ] as const;
  const rule = fc.oneof({ arbitrary: anyRule(names), weight: 3 }, { arbitrary: anyRule(frequent), weight: 2 });
  return fc.array(rule, { minLength, maxLength: 6 });
}

export function build(library: Library, specs: readonly RuleSpec[]): Lanestep.Update {
  return library.chain(...specs.map((spec) => buildRule(library, spec)));
}

// biome-ignore lint/suspicious/noExplicitAny: options are data here; the rules check them.
function buildRule(library: Library, spec: RuleSpec & { options: any }): Lanestep.Update {
  const { rule, options, inner = [], groups = [], seed = 0 } = spec;
  switch (rule) {
    case "half":
      return library.stateful<unknown, { calls: number }>(
        () => ({ calls: 0 }),
        (updates, { calls }) => {
          multiply(updates, calls % 2 === 0 ? 0.5 : 0.25);
          return [updates, { calls: calls + 1 }];
        },
      );
    case "accumulate":
    case "lookahead":
    case "skipNonFinite":
      return library[rule](build(library, inner), options);
    case "masked":
      return library.masked(build(library, inner), (path) => labelOf(path, seed, 2) === 0);
    case "partition": {
      const labels = groups.map((_, i) => `group/${i}`);
      const updates = Object.fromEntries(groups.map((group, i) => [labels[i], build(library, group)]));
      return library.partition(updates, (path) => labels[labelOf(path, seed, labels.length)]!);
    }
    case "scaleBySchedule":
      return library.scaleBySchedule((step) => options.rate / (1 + step));
    case "scaleByState":
      return library.scaleByState(library.control(options.value));
    default:
      // biome-ignore lint/suspicious/noExplicitAny: as above.
      return (library as any)[rule](options);
  }
}

/** Leaves that are not the function's to change are null in an array, and absent in an object. */
function multiply(tree: unknown, factor: number): void {
  if (tree instanceof Float32Array) for (let i = 0; i < tree.length; i++) tree[i]! *= factor;
  else for (const child of Object.values(tree ?? {})) multiply(child, factor);
}

/** The same for the same path and seed: one of `count`. */
const labelOf = (path: string, seed: number, count: number): number =>
  Math.floor(uniform(Array.from(path).reduce((hash, c) => Math.imul(hash, 31) + c.codePointAt(0)!, seed))() * count);

const few = among(1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 100);
const length = fc.oneof(
  { arbitrary: few, weight: 12 },
  { arbitrary: among(0, 4095, 4096, 4097, 4112, 8197), weight: 2 },
);
const columns = among(1, 3, 4, 15, 16, 17, 65, 1000);
const leaf: fc.Arbitrary<LeafSpec> = fc.oneof(
  { arbitrary: fc.record({ shape: fc.tuple(length), bare: fc.boolean() }), weight: 4 },
  { arbitrary: fc.record({ shape: fc.constant([]), bare: fc.boolean() }), weight: 1 },
  { arbitrary: fc.record({ shape: fc.tuple(among(1, 2, 5), columns), bare: fc.constant(false) }), weight: 3 },
  { arbitrary: fc.record({ shape: fc.tuple(among(1, 3), among(1, 2), columns), bare: fc.constant(false) }), weight: 1 },
  // Several pieces of whole rows, the last one shorter.
  { arbitrary: fc.record({ shape: fc.tuple(among(35, 70), among(17, 33, 64)), bare: fc.constant(false) }), weight: 1 },
);
const key = among("a", "b", "bias", "Kernel", "0", "x/y", "ü");

export const anyTree: fc.Arbitrary<TreeSpec> = fc.letrec<{ node: TreeSpec }>((tie) => ({
  node: fc.oneof(
    { depthSize: "small", withCrossShrink: true, maxDepth: 2 },
    { arbitrary: leaf, weight: 3 },
    { arbitrary: fc.dictionary(key, tie("node"), { maxKeys: 3 }) as fc.Arbitrary<TreeSpec>, weight: 2 },
    { arbitrary: fc.array(tie("node"), { maxLength: 3 }) as fc.Arbitrary<TreeSpec>, weight: 1 },
  ),
})).node;

/** Several leaves at least. */
export const anyForest: fc.Arbitrary<TreeSpec> = fc.record({
  ...{ a: leaf, b: leaf, c: anyTree, d: leaf, e: fc.array(anyTree, { maxLength: 3 }) },
});

const isLeaf = (tree: TreeSpec): tree is LeafSpec => "shape" in tree && "bare" in tree;

/** Parameters for `init`: zeros in every form a leaf may have. */
export function zerosOf(tree: TreeSpec): unknown {
  if (Array.isArray(tree)) return tree.map((child) => zerosOf(isLeaf(child) ? inArray(child) : child));
  if (!isLeaf(tree)) return Object.fromEntries(Object.entries(tree).map(([name, child]) => [name, zerosOf(child)]));
  if (!tree.bare) return { shape: tree.shape };
  return tree.shape.length === 0 ? 0 : new Float32Array(tree.shape[0]!);
}

/** A list of numbers is refused as a node: a number in an array is given with its shape. */
const inArray = ({ shape, bare }: LeafSpec): LeafSpec => ({ shape, bare: bare && shape.length > 0 });

export const anyFill: fc.Arbitrary<Fill> = fc.record({
  kind: fc.oneof(
    { arbitrary: fc.constant("normal" as const), weight: 6 },
    { arbitrary: fc.constant("wide" as const), weight: 2 },
    { arbitrary: among("zero", "special", "huge", "tiny"), weight: 2 },
  ),
  seed: fc.nat(),
});

/** Uniform numbers in [0, 1): T. Ettinger's mulberry32. */
export function uniform(seed: number): () => number {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const SPECIAL = [0, -0, Infinity, -Infinity, NaN, 1e-38, -1e-38, 1e38, -1e38, 1e-45, -3.4028234e38, 1, 2 ** -100];

/** Fills the leaves of a plane, those that it has. */
export function fill(leaves: readonly (Float32Array | null)[], { kind, seed }: Fill): void {
  const random = uniform(seed);
  const sign = () => (random() < 0.5 ? -1 : 1);
  const normal = () => random() + random() + random() - 1.5;
  const draw = {
    normal,
    wide: () => sign() * 10 ** (76 * random() - 38),
    zero: () => 0,
    special: () => (random() < 0.7 ? normal() : SPECIAL[Math.floor(random() * SPECIAL.length)]!),
    huge: () => 1e38 * normal(),
    tiny: () => 1e-38 * normal(),
  }[kind];
  for (const leaf of leaves) if (leaf) for (let i = 0; i < leaf.length; i++) leaf[i] = draw();
}
