import { TreeMismatchError } from "../errors.ts";
import { isPlainObject } from "../show.ts";
import { displayShape, type FoundLeaf, readLeaf, sameShape } from "./leaf.ts";
import { displayPath, hashPath, type Keys, pathName } from "./path.ts";

/** A leaf of a tree. */
export interface TreeLeaf {
  readonly keys: Keys;
  /** Its name, unique in the tree: keys joined by `/`. */
  readonly path: string;
  readonly hash: number;
  readonly kind: FoundLeaf["kind"];
  readonly shape: readonly number[];
  /** Elements. */
  readonly length: number;
}

/** The form of a tree: a leaf's index, or a node with its children. */
export type Skeleton =
  | number
  | { readonly array: boolean; readonly keys: Keys; readonly children: readonly Skeleton[] };

/** What is known of a tree before it has a place. */
export interface Tree {
  /** In order of their paths. */
  readonly leaves: readonly TreeLeaf[];
  readonly skeleton: Skeleton;
  /** The same for trees of the same form, kinds of leaves and shapes. */
  readonly form: string;
}

/** A leaf's place in every plane. */
export interface LayoutLeaf extends TreeLeaf {
  /** Among the leaves in order of their paths. */
  readonly index: number;
  readonly group: number;
  /** Elements from the begin of a plane, on a 64-byte line. */
  readonly offset: number;
}

/** Leaves side by side, in order of their paths. */
export interface LayoutGroup {
  readonly leaves: readonly LayoutLeaf[];
  /** Elements. */
  readonly begin: number;
  readonly end: number;
}

/**
 * Where the leaves stand in every plane: group by group, in a group by path, each on a 64-byte line; frozen ones last.
 *
 *     plane   | a ……… pad | c …… pad | b ………………… | frozen …… |
 *             | group 0              | group 1   | group 2   |
 *             0                                  live        size     elements
 */
export interface Layout extends Tree {
  readonly leaves: readonly LayoutLeaf[];
  readonly groups: readonly LayoutGroup[];
  /** Elements of all groups that are not frozen, padding included: of planes other than the parameters. */
  readonly live: number;
  /** Elements of the parameters, padding included. */
  readonly size: number;
}

/** Elements of a 64-byte line: what a linked loop does in one iteration. */
const LINE = 16;

export const padded = (length: number): number => Math.ceil(length / LINE) * LINE;

/**
 * Reads a tree of parameters.
 *
 * @throws TypeError with the path, for a leaf that is not numbers
 */
export function readTree(tree: unknown, root: string): { tree: Tree; found: readonly FoundLeaf[] } {
  const entries: { keys: Keys; path: string; leaf: FoundLeaf; at: number }[] = [];
  const ancestors = new Set<unknown>();

  const walk = (value: unknown, keys: Keys): Draft => {
    const leaf = readLeaf(value, root, keys);
    if (leaf) return { entry: entries.push({ keys, path: pathName(keys), leaf, at: entries.length }) - 1 };
    if (ancestors.has(value)) throw new TypeError(`"${displayPath(root, keys)}" contains itself: a tree has no cycles`);
    ancestors.add(value);
    const names = childKeys(value as object, root, keys);
    const children = names.map((name) => walk((value as Record<string | number, unknown>)[name], [...keys, name]));
    ancestors.delete(value);
    return { array: Array.isArray(value), keys: names, children };
  };
  const draft = walk(tree, []);

  const order = [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  const index = new Array<number>(entries.length);
  const leaves = order.map(({ keys, path, leaf: { kind, shape, length }, at }, i): TreeLeaf => {
    index[at] = i;
    return { keys, path, hash: hashPath(path), kind, shape, length };
  });
  const settle = (node: Draft): Skeleton =>
    "entry" in node ? index[node.entry]! : { ...node, children: node.children.map(settle) };
  const skeleton = settle(draft);
  const form = JSON.stringify([skeleton, leaves.map(({ kind, shape }) => [kind, shape])]);
  return { tree: { leaves, skeleton, form }, found: order.map(({ leaf }) => leaf) };
}

/**
 * Gives the leaves their places.
 *
 * @param groupOf of each leaf its group; groups from `liveCount` on are frozen
 */
export function arrange(tree: Tree, groupOf: readonly number[], count: number, liveCount: number): Layout {
  const leaves = new Array<LayoutLeaf>(tree.leaves.length);
  let size = 0;
  let live = 0;
  const groups = Array.from({ length: count }, (_, group): LayoutGroup => {
    const begin = size;
    tree.leaves.forEach((leaf, index) => {
      if (groupOf[index] !== group) return;
      // Not { ...leaf, … }: V8 of Node 20 gives each such copy a hidden class of its own, and a pass by leaf takes ten
      // times as long.
      const { keys, path, hash, kind, shape, length } = leaf;
      leaves[index] = { keys, path, hash, kind, shape, length, index, group, offset: size };
      size += padded(length);
    });
    if (group < liveCount) live = size;
    return { leaves: leaves.filter((leaf) => leaf.group === group), begin, end: size };
  });
  return { ...tree, leaves, groups, live, size };
}

const isEnumerable = Object.prototype.propertyIsEnumerable;

/** A skeleton whose leaves are numbered in the order they were met, before they are sorted. */
type Draft = { readonly entry: number } | { readonly array: boolean; readonly keys: Keys; readonly children: Draft[] };

function childKeys(node: object, root: string, keys: Keys): Keys {
  if (Object.getOwnPropertySymbols(node).some((symbol) => isEnumerable.call(node, symbol))) {
    throw new TypeError(`"${displayPath(root, keys)}" has a symbol as a key: use a string`);
  }
  return Array.isArray(node) ? Array.from(node, (_, i) => i) : Object.keys(node);
}

/**
 * Reads a tree that must have the form of `layout`; nothing is written anywhere.
 *
 * @param isOptional which leaves may be absent or null
 * @returns its leaves in the layout's order, `undefined` for those that are absent
 * @throws TreeMismatchError with the path, what was expected and what came; TypeError for a leaf that is not numbers
 */
export function matchTree<Leaf extends TreeLeaf>(
  layout: { readonly leaves: readonly Leaf[]; readonly skeleton: Skeleton },
  tree: unknown,
  root: string,
  isOptional: (leaf: Leaf) => boolean = () => false,
): (FoundLeaf | undefined)[] {
  const found = new Array<FoundLeaf | undefined>(layout.leaves.length);
  if (matchPlain(layout, layout.skeleton, tree, found)) return found;
  const mismatch = (keys: Keys, what: string) => new TreeMismatchError(`"${displayPath(root, keys)}" ${what}`);

  const mayLack = (node: Skeleton): boolean =>
    typeof node === "number" ? isOptional(layout.leaves[node]!) : node.keys.length > 0 && node.children.every(mayLack);
  const walk = (node: Skeleton, value: unknown, keys: Keys): void => {
    if ((value === undefined || value === null) && mayLack(node)) return;
    if (typeof node === "number") {
      found[node] = matchLeaf(layout.leaves[node]!, value, root);
      return;
    }
    const isNode = node.array ? Array.isArray(value) : isPlainObject(value);
    if (!isNode) {
      if (value === undefined) throw mismatch(keys, "is missing");
      const leaf = readLeaf(value, root, keys);
      throw mismatch(keys, `is ${leaf ? "a leaf" : nodeName(Array.isArray(value))}, expected ${nodeName(node.array)}`);
    }
    const names = new Set<string | number>(childKeys(value as object, root, keys));
    node.keys.forEach((key, i) => {
      if (!names.delete(key) && !mayLack(node.children[i]!)) throw mismatch([...keys, key], "is missing");
    });
    for (const key of names) throw mismatch([...keys, key], "is not among the parameters");
    node.keys.forEach((key, i) => {
      walk(node.children[i]!, (value as Record<string | number, unknown>)[key], [...keys, key]);
    });
  };
  walk(layout.skeleton, tree, []);
  return found;
}

/**
 * What most trees are: all keys, no others, typed arrays of the right length. Nothing is remembered for an error, so a
 * leaf takes a third of the time. @returns false for any other tree, which is then read with its paths in mind
 */
function matchPlain(
  layout: { readonly leaves: readonly TreeLeaf[] },
  node: Skeleton,
  value: unknown,
  found: (FoundLeaf | undefined)[],
): boolean {
  if (typeof node === "number") {
    const { length } = layout.leaves[node]!;
    if (!ArrayBuffer.isView(value) || !(value instanceof Float32Array) || value.length !== length) return false;
    found[node] = { kind: "array", shape: [length], length, data: value };
    return true;
  }
  const { array, keys, children } = node;
  if (!(array ? Array.isArray(value) : isPlainObject(value))) return false;
  const tree = value as Record<string | number, unknown>;
  if (keys.length !== (array ? tree.length : Object.keys(tree).length)) return false;
  if (Object.getOwnPropertySymbols(tree).length > 0) return false;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    if (!isEnumerable.call(tree, key) || !matchPlain(layout, children[i]!, tree[key], found)) return false;
  }
  return true;
}

const nodeName = (array: boolean): string => (array ? "an array" : "an object");

function matchLeaf(expected: TreeLeaf, value: unknown, root: string): FoundLeaf {
  const mismatch = (what: string) => new TreeMismatchError(`"${displayPath(root, expected.keys)}" ${what}`);
  if (value === undefined) throw mismatch("is missing");
  const leaf = readLeaf(value, root, expected.keys);
  if (!leaf) throw mismatch(`is ${nodeName(Array.isArray(value))}, expected a leaf of ${expected.length} elements`);
  if (leaf.data === null) throw mismatch("is { shape } without data: zeros are given so in init only");
  checkLength(leaf, expected, root, expected.keys);
  const bothShaped = leaf.kind === "shaped" && (expected.kind === "shaped" || expected.kind === "zeros");
  if (bothShaped && !sameShape(leaf.shape, expected.shape)) {
    throw mismatch(`has shape ${displayShape(leaf.shape)}, expected ${displayShape(expected.shape)}`);
  }
  return leaf;
}

/** @throws TreeMismatchError */
export function checkLength(
  { length }: FoundLeaf,
  expected: Pick<FoundLeaf, "length" | "shape">,
  root: string,
  keys: Keys,
): void {
  if (length === expected.length) return;
  const shape = expected.shape.length > 1 ? ` (shape ${displayShape(expected.shape)})` : "";
  throw new TreeMismatchError(
    `"${displayPath(root, keys)}" has ${length} elements, expected ${expected.length}${shape}`,
  );
}

/**
 * Builds a tree of the layout's form, `leafAt(i)` at leaf i; `finish` gets every node. Where `leafAt` gives `undefined`
 * there is no key, or `null` in an array; a node of such leaves alone is left out as well.
 */
export function buildTree(
  skeleton: Skeleton,
  leafAt: (index: number) => unknown,
  finish: <T extends object>(node: T) => T = (node) => node,
): unknown {
  if (typeof skeleton === "number") return leafAt(skeleton);
  const children = skeleton.children.map((child) => buildTree(child, leafAt, finish));
  if (children.length > 0 && children.every((child) => child === undefined)) return undefined;
  if (skeleton.array) return finish(children.map((child) => child ?? null));
  const node = {};
  skeleton.keys.forEach((key, i) => {
    if (children[i] !== undefined) setChild(node, key, children[i]);
  });
  return finish(node);
}

/** Not node[key] = value: the key "__proto__" would set the prototype. */
export function setChild(node: object, key: string | number, value: unknown): void {
  Object.defineProperty(node, key, { value, enumerable: true, writable: true, configurable: true });
}
