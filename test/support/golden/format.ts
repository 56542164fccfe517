// The golden files as they are stored: what a case and a schedule hold, and their trees.

export type Options = Readonly<Record<string, unknown>>;

/** A leaf of a file; `"NaN"`, `"Infinity"` and `"-Infinity"` stand as strings. */
interface GoldenLeaf {
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}

/** `null` stands for a frozen leaf's gradient, which is not needed. */
export type GoldenTree = null | GoldenLeaf | readonly GoldenTree[] | { readonly [key: string]: GoldenTree };

/** One rule of a chain; beside it may stand a `mask`. */
export interface GoldenRule {
  readonly op: string;
  readonly opts?: Options;
  readonly mask?: unknown;
}

/** PyTorch's: the optimizer, and how gradients are clipped before it. */
export interface TorchOptimizer {
  readonly name: string;
  readonly opts?: Options;
  readonly clip?: Options;
}

/** What wraps a recipe, or one for each label. */
export interface GoldenWrapper {
  readonly name: string;
  readonly opts?: Options;
  readonly inner?: Recipe;
  readonly transforms?: Readonly<Record<string, Recipe>>;
}

/** What a case or a wrapper runs: one of these. */
export interface Recipe {
  readonly chain?: readonly (GoldenRule | Recipe)[];
  readonly optimizer?: { readonly name: string; readonly learning_rate: unknown; readonly opts?: Options };
  readonly wrapper?: GoldenWrapper;
  readonly freeze?: true;
  readonly torch?: TorchOptimizer;
  readonly mask?: unknown;
}

export interface GoldenStep {
  readonly grads: GoldenTree;
  /** Where the library's way gives them. */
  readonly updates?: GoldenTree;
  readonly params: GoldenTree;
  /** The loss that was told. */
  readonly value?: number | string;
  /** The slow parameters of lookahead. */
  readonly slow?: GoldenTree;
  /** What clipping by the norm returned: that of the gradients. */
  readonly norm?: number;
}

export interface GoldenCase extends Recipe {
  readonly name: string;
  readonly params: GoldenTree;
  readonly steps: readonly GoldenStep[];
}

export interface GoldenSchedule {
  readonly schedule: string;
  readonly opts: Options;
  /** For step counts 0, 1, 2, … */
  readonly values: readonly number[];
  /** What a schedule that is fed was told at each of them: it shows in the next value. */
  readonly metrics?: readonly number[];
}

const isLeaf = (tree: NonNullable<GoldenTree>): tree is GoldenLeaf =>
  Object.hasOwn(tree, "shape") && Object.hasOwn(tree, "data");

/** A tree in the form that this library takes. */
export function toTree(tree: GoldenTree): object {
  if (tree === null) return null as never;
  if (isLeaf(tree)) return { data: Float32Array.from(tree.data, Number), shape: tree.shape };
  if (Array.isArray(tree)) return tree.map(toTree);
  return Object.fromEntries(Object.entries(tree).map(([key, child]) => [key, toTree(child)]));
}

/** The leaves of a file's tree or of a tree of views, by path; an array of views has null where there is none. */
export function leavesOf(tree: unknown, at = ""): Map<string, ArrayLike<number>> {
  if (tree === null) return new Map();
  if (tree instanceof Float32Array) return new Map([[at, tree]]);
  if (isLeaf(tree as NonNullable<GoldenTree>)) return new Map([[at, (tree as GoldenLeaf).data.map(Number)]]);
  const children = Object.entries(tree as object).sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(children.flatMap(([key, child]) => [...leavesOf(child, `${at}.${key}`)]));
}

/** Whether any element of any leaf is so. */
export const someElement = (tree: GoldenTree, holds: (element: number) => boolean): boolean =>
  [...leavesOf(tree).values()].some((leaf) => Array.from(leaf).some(holds));
