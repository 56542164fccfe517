// Trees of jax-js arrays: read with their paths, compared with those of the parameters, made from an optimizer's planes.

import { type Device, defaultDevice, Array as JaxArray, type JsTree, numpy as np } from "@jax-js/jax";
import { TreeMismatchError } from "../errors.ts";
import { isPlainObject, show } from "../show.ts";
import { type LayoutLeaf, setChild } from "../tree/layout.ts";
import { displayShape, sameShape } from "../tree/leaf.ts";
import { displayPath, type Keys } from "../tree/path.ts";

/** A tree of arrays. */
export type Pytree = JsTree<JaxArray>;

/** What a pytree holds at one place. */
interface PytreeLeaf {
  readonly keys: Keys;
  readonly array: JaxArray;
}

/** The leaves of a pytree by their place. */
export type Leaves = ReadonlyMap<string, PytreeLeaf>;

/** A place in a tree; not its path, in which an array's index and an object's key "0" are the same. */
export const placeOf = (keys: Keys): string => JSON.stringify(keys);

/**
 * Reads a pytree; no reference is taken or given.
 *
 * @param mayLack whether null and undefined are absent leaves
 * @throws TypeError with the path, for a leaf that is no array of float32
 */
export function readPytree(tree: unknown, root: string, mayLack = false): Leaves {
  const leaves = new Map<string, PytreeLeaf>();
  const walk = (value: unknown, keys: Keys): void => {
    if (value instanceof JaxArray) {
      if (value.dtype !== "float32") {
        throw new TypeError(
          `"${displayPath(root, keys)}" is ${value.dtype}, expected float32: keep what is not trained out of the tree`,
        );
      }
      leaves.set(placeOf(keys), { keys, array: value });
    } else if (Array.isArray(value)) {
      value.forEach((child, i) => {
        walk(child, [...keys, i]);
      });
    } else if (isPlainObject(value)) {
      for (const [key, child] of Object.entries(value)) walk(child, [...keys, key]);
    } else if (!mayLack || (value !== null && value !== undefined)) {
      throw new TypeError(`"${displayPath(root, keys)}" is ${strange(value)}`);
    }
  };
  walk(tree, []);
  return leaves;
}

/**
 * A tree of the same form. Not jax-js's own `map`: to that an object with a key "constructor" is a leaf, and a key "__proto__"
 * is lost.
 */
export function mapPytree(tree: Pytree, make: (array: JaxArray) => unknown): unknown {
  if (tree instanceof JaxArray) return make(tree);
  if (Array.isArray(tree)) return tree.map((child) => mapPytree(child, make));
  const node = {};
  for (const [key, child] of Object.entries(tree)) setChild(node, key, mapPytree(child, make));
  return node;
}

function strange(value: unknown): string {
  if (typeof value === "number") return `${value}, expected an array of jax-js: np.array(${value})`;
  if (value === null || value === undefined) return `${value}, expected an array of jax-js: leave the key out`;
  const isTraced = typeof value === "object" && value !== null && "aval" in value;
  if (isTraced) return "traced, so it has no numbers yet: call this outside of jit, grad and vmap";
  return `${show(value)}, expected an array of jax-js`;
}

/** A leaf that a pytree must have. */
interface ExpectedLeaf {
  readonly keys: Keys;
  readonly shape: readonly number[];
}

/**
 * Compares a pytree with leaves that it must have.
 *
 * @returns its arrays in the order of those; undefined where one may be absent, and is
 * @throws TreeMismatchError with the path
 */
export function matchPytree<Leaf extends ExpectedLeaf>(
  expected: readonly Leaf[],
  given: Leaves,
  root: string,
  mayLack: (leaf: Leaf) => boolean = () => false,
): (JaxArray | undefined)[] {
  const rest = new Map(given);
  const found = expected.map((leaf) => {
    const { keys, shape } = leaf;
    const array = given.get(placeOf(keys))?.array;
    rest.delete(placeOf(keys));
    if (!array && mayLack(leaf)) return undefined;
    const mismatch = (what: string) => new TreeMismatchError(`"${displayPath(root, keys)}" ${what}`);
    if (!array) throw mismatch("is missing");
    if (!sameShape(array.shape, shape)) {
      throw mismatch(`has shape ${displayShape(array.shape)}, expected ${displayShape(shape)}`);
    }
    return array;
  });
  for (const { keys } of rest.values()) {
    throw new TreeMismatchError(`"${displayPath(root, keys)}" is not among the parameters`);
  }
  return found;
}

/**
 * Whether each array has a reference for each place that it stands at, so that all can be consumed.
 *
 * @throws ReferenceError, as jax-js for an array that was freed
 */
export function requireOwned(trees: Readonly<Record<string, Leaves>>): void {
  const uses = new Map<JaxArray, number>();
  for (const [root, leaves] of Object.entries(trees)) {
    for (const { keys, array } of leaves.values()) {
      const count = (uses.get(array) ?? 0) + 1;
      uses.set(array, count);
      if (count > array.refCount) {
        const where = displayPath(root, keys);
        throw new ReferenceError(`"${where}" was freed, or is given twice: every use consumes an array, .ref keeps it`);
      }
    }
  }
}

/** Gives up a reference of every array. */
export function consume(leaves: Leaves): void {
  for (const { array } of leaves.values()) array.dispose();
}

/** Numbers by leaf; undefined where nothing was read. */
export type Values = readonly (Float32Array | undefined)[];

/** The numbers of arrays, which stay alive. */
export function readSync(arrays: readonly (JaxArray | undefined)[]): Values {
  return arrays.map((array) => {
    if (!array) return undefined;
    const kept = array.ref;
    try {
      return kept.dataSync() as Float32Array;
    } catch (error) {
      kept.dispose();
      throw error;
    }
  });
}

/** The same without blocking. */
export async function read(arrays: readonly (JaxArray | undefined)[]): Promise<Values> {
  const kept = arrays.map((array) => array?.ref);
  // One first: with it runs all that is pending. Each of the others would carry all of it along once more.
  const ready = kept.find((array) => array !== undefined)?.blockUntilReady();
  return Promise.all(
    kept.map(async (array) => {
      try {
        await ready;
        return (await array?.data()) as Float32Array | undefined;
      } catch (error) {
        array?.dispose(); // `data` does so where it succeeds
        throw error;
      }
    }),
  );
}

/** A fresh array with one reference: a copy of `data`; zeros, which take no memory, where there is none. */
export function makeArray(data: Float32Array | null, { shape }: LayoutLeaf, device: Device): JaxArray {
  // An array that is told its device is bound to it; one on the default device may be used with others.
  const options = { shape: [...shape], ...(device === defaultDevice() ? {} : { device }) };
  return data && data.length > 0 ? np.array(data, options) : np.zeros(options.shape, options);
}
