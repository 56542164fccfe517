import { TreeMismatchError } from "./errors.ts";
import { checkLength, setChild } from "./tree/layout.ts";
import { type FoundLeaf, readLeaf, valuesOf } from "./tree/leaf.ts";
import { displayPath, type Keys } from "./tree/path.ts";
import type { Plain } from "./tree/types.ts";

/**
 * Adds updates to parameters: a new tree, of fresh arrays. Parameters without an update are kept, so that state of the
 * model that stands among them (the statistics of a batch norm) stays; a tree of model state replaces what it names.
 *
 * `p ← p + u` where there is an update, then what `modelState` holds instead
 *
 * @param params a tree of parameters
 * @param updates a tree with the keys of the parameters, or some of them
 * @param modelState a tree of leaves that replace those of the same path, or are added
 * @returns the new parameters, leaves of the same kind as before
 * @throws TreeMismatchError for an update without a parameter or of another length; TypeError for a leaf that is not
 *   numbers
 *
 * @example
 * ```ts
 * const params = { kernel: Float32Array.of(1, 2), mean: Float32Array.of(7) };
 * const next = applyUpdates(params, { kernel: Float32Array.of(1, 1) }, { mean: Float32Array.of(8) });
 * next; // => { kernel: Float32Array.of(2, 3), mean: Float32Array.of(8) }
 * ```
 *
 * Axon 0.3.1, `Axon.Updates.apply_updates/3`
 */
export function applyUpdates<const T>(params: T, updates: unknown, modelState?: unknown): Plain<T> {
  const added = merge(params, updates, "updates", [], (p, u, keys) => {
    if (!p) throw new TreeMismatchError(`"${displayPath("updates", keys)}" is not among the parameters`);
    checkLength(u, p, "updates", keys);
    const values = valuesOf(u);
    return formed(
      p,
      valuesOf(p).map((x, i) => x + values[i]!),
    );
  });
  return merge(added, modelState, "modelState", [], (_p, state) => formed(state, valuesOf(state))) as Plain<T>;
}

/** A leaf of the result from a leaf of the second tree and, if there is one, that of the first. */
type Combine = (below: FoundLeaf | undefined, above: FoundLeaf, keys: Keys) => unknown;

/** Lays one tree over another: where both or only the second have a leaf, `combine`; where only the first, a copy. */
function merge(below: unknown, above: unknown, root: string, keys: Keys, combine: Combine): unknown {
  const [under, over] = [below, above].map((tree, i) =>
    tree === undefined ? undefined : (readLeaf(tree, i === 0 ? "params" : root, keys) ?? "node"),
  );
  if (under === "node" ? over && over !== "node" : under && over === "node") {
    const [found, expected] = under === "node" ? ["a leaf", "a node"] : ["a node", "a leaf"];
    throw new TreeMismatchError(`"${displayPath(root, keys)}" is ${found}, expected ${expected}`);
  }
  if (over && over !== "node") return combine(under as FoundLeaf | undefined, over, keys);
  if (under && under !== "node") return formed(under, valuesOf(under));
  const [first, second] = [below ?? {}, above ?? {}] as Record<string, unknown>[];
  const result: object = Array.isArray(below ?? above) ? [] : {};
  for (const key of new Set([...Object.keys(first!), ...Object.keys(second!)])) {
    const [a, b] = [first!, second!].map((node) => (Object.hasOwn(node, key) ? node[key] : undefined));
    setChild(result, key, merge(a, b, root, [...keys, Array.isArray(result) ? Number(key) : key], combine));
  }
  return result;
}

/** A leaf of the same kind. */
export function formed({ kind, shape }: Pick<FoundLeaf, "kind" | "shape">, data: Float32Array): unknown {
  if (kind === "number") return data[0]!;
  return kind === "array" ? data : { data, shape: [...shape] };
}
