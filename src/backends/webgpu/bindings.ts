// Buffers of the caller's.

import { TreeMismatchError } from "../../errors.ts";
import { isPlainObject, show } from "../../show.ts";
import type { Layout, LayoutLeaf } from "../../tree/layout.ts";
import { displayPath } from "../../tree/path.ts";
import { usage } from "./gpu.ts";
import type { Place } from "./planes.ts";

/** What a buffer must be for. */
export const uses = {
  planes: { bits: usage.storage | usage.copySrc | usage.copyDst, words: "STORAGE, COPY_SRC and COPY_DST" },
  source: { bits: usage.copySrc, words: "COPY_SRC" },
};

const isBinding = (value: unknown): value is { buffer: GPUBuffer; offset?: number; size?: number } =>
  isPlainObject(value) && typeof value.buffer === "object" && value.buffer !== null && "usage" in value.buffer;

/** Whether the first leaf of a tree is one. */
export function holdsBindings(tree: unknown): boolean {
  if (isBinding(tree)) return true;
  if (typeof tree !== "object" || tree === null || ArrayBuffer.isView(tree)) return false;
  return Object.values(tree)
    .filter((child) => typeof child === "object" && child !== null)
    .slice(0, 1)
    .some(holdsBindings);
}

/**
 * Reads a tree of bindings that has the form of the parameters.
 *
 * @throws TreeMismatchError for a leaf that is missing or too small; TypeError for what is no binding, RangeError for one
 *   that is not aligned or lacks a usage
 */
export function matchBindings(
  { leaves }: Layout,
  tree: unknown,
  root: string,
  { bits, words }: { readonly bits: number; readonly words: string },
  isOptional: (leaf: LayoutLeaf) => boolean = () => false,
): (Place | null)[] {
  return leaves.map((leaf) => {
    const where = `"${displayPath(root, leaf.keys)}"`;
    const given = leaf.keys.reduce<unknown>(
      (node, key) => (typeof node === "object" && node !== null ? (node as Record<string, unknown>)[key] : undefined),
      tree,
    );
    if (given === undefined || given === null) {
      if (leaf.length === 0 || isOptional(leaf)) return null;
      throw new TreeMismatchError(`${where} is missing`);
    }
    if (!isBinding(given)) throw new TypeError(`${where} is ${show(given)}, expected { buffer, offset, size }`);
    const { buffer, offset = 0 } = given;
    const size = given.size ?? buffer.size - offset;
    const needed = leaf.length * 4;
    if (size < needed || offset + needed > buffer.size) {
      throw new TreeMismatchError(`${where} has ${size} bytes, expected ${needed}`);
    }
    if (offset < 0 || offset % 4 !== 0)
      throw new RangeError(`${where} begins at byte ${offset}, expected a multiple of 4`);
    if ((buffer.usage & bits) !== bits) {
      throw new RangeError(`${where}: its buffer lacks a usage: it takes ${words}`);
    }
    return { buffer, offset };
  });
}
