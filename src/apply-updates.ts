import { TreeMismatchError } from "./errors.js";
import { displayShape, type FoundLeaf, readLeaf } from "./tree/leaf.js";
import { displayPath, type Keys } from "./tree/path.js";
import type { Plain } from "./tree/types.js";

type Node = Record<string | number, unknown>;

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
  const merged = merge(params, updates, []);
  return (modelState === undefined ? merged : replace(merged, modelState, [])) as Plain<T>;
}

function merge(params: unknown, updates: unknown, keys: Keys): unknown {
  const leaf = readLeaf(params, "params", keys);
  if (leaf) return updates === undefined ? copyLeaf(leaf) : addLeaf(leaf, updates, keys);
  const node = params as Node;
  const given = updates === undefined ? {} : nodeOf(updates, Array.isArray(node), keys);
  for (const key of Object.keys(given)) {
    if (!Object.hasOwn(node, key)) {
      throw new TreeMismatchError(`"${displayPath("updates", [...keys, key])}" is not among the parameters`);
    }
  }
  return mapNode(node, Object.keys(node), (key) =>
    merge(node[key], Object.hasOwn(given, key) ? given[key] : undefined, [...keys, key]),
  );
}

function nodeOf(updates: unknown, array: boolean, keys: Keys): Node {
  const isLeaf = readLeaf(updates, "updates", keys) !== null;
  if (isLeaf || Array.isArray(updates) !== array) {
    const found = isLeaf ? "a leaf" : Array.isArray(updates) ? "an array" : "an object";
    throw new TreeMismatchError(
      `"${displayPath("updates", keys)}" is ${found}, expected ${array ? "an array" : "an object"}`,
    );
  }
  return updates as Node;
}

function addLeaf(leaf: FoundLeaf, update: unknown, keys: Keys): unknown {
  const path = displayPath("updates", keys);
  const added = readLeaf(update, "updates", keys);
  if (!added) throw new TreeMismatchError(`"${path}" is a node, expected a leaf of ${leaf.length} elements`);
  if (added.length !== leaf.length) {
    const shape = leaf.shape.length > 1 ? ` (shape ${displayShape(leaf.shape)})` : "";
    throw new TreeMismatchError(`"${path}" has ${added.length} elements, expected ${leaf.length}${shape}`);
  }
  const [p, u] = [elements(leaf), elements(added)];
  return formed(leaf, p.map((x, i) => x + u[i]!));
}

function replace(tree: unknown, state: unknown, keys: Keys): unknown {
  const leaf = readLeaf(state, "modelState", keys);
  if (leaf) return copyLeaf(leaf);
  const [node, given] = [tree, state] as [Node | undefined, Node];
  const isNode = typeof node === "object" && readLeaf(node, "params", keys) === null;
  const names = new Set([...(isNode ? Object.keys(node) : []), ...Object.keys(given)]);
  return mapNode(isNode ? node : given, [...names], (key) => {
    const child = isNode && Object.hasOwn(node, key) ? node[key] : undefined;
    return Object.hasOwn(given, key) ? replace(child, given[key], [...keys, key]) : child;
  });
}

/** A node of the same kind as `like`. Not node[key] = …: the key "__proto__" would set the prototype. */
function mapNode(like: unknown, names: readonly string[], child: (key: string) => unknown): unknown {
  const node: object = Array.isArray(like) ? [] : {};
  for (const key of names) {
    Object.defineProperty(node, key, { value: child(key), enumerable: true, writable: true, configurable: true });
  }
  return node;
}

const elements = ({ data, length }: FoundLeaf): Float32Array =>
  data === null ? new Float32Array(length) : typeof data === "number" ? Float32Array.of(data) : Float32Array.from(data);

const copyLeaf = (leaf: FoundLeaf): unknown => formed(leaf, elements(leaf));

function formed({ kind, shape }: FoundLeaf, data: Float32Array): unknown {
  if (kind === "number") return data[0]!;
  return kind === "array" ? data : { data, shape: [...shape] };
}
