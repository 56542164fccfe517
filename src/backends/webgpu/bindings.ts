// Buffers of the caller's.

import { TreeMismatchError } from "../../errors.ts";
import { isPlainObject, show } from "../../show.ts";
import type { Layout, LayoutLeaf } from "../../tree/layout.ts";
import { displayPath } from "../../tree/path.ts";
import { usage } from "./gpu.ts";
import type { Place } from "./planes.ts";

const wanted = usage.storage | usage.copySrc | usage.copyDst;

const isBinding = (value: unknown): value is { buffer: GPUBuffer; offset?: number; size?: number } =>
  isPlainObject(value) && typeof value.buffer === "object" && value.buffer !== null && "usage" in value.buffer;

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
  isOptional: (leaf: LayoutLeaf) => boolean = () => false,
): (Place | null)[] {
  return leaves.map((leaf) => {
    const where = `"${displayPath(root, leaf.keys)}"`;
    const given = leaf.keys.reduce<unknown>(
      (node, key) => (typeof node === "object" && node !== null ? (node as Record<string, unknown>)[key] : undefined),
      tree,
    );
    if (given === undefined || given === null) {
      if (isOptional(leaf)) return null;
      throw new TreeMismatchError(`${where} is missing`);
    }
    if (!isBinding(given)) throw new TypeError(`${where} is ${show(given)}, expected { buffer, offset, size }`);
    const { buffer, offset = 0 } = given;
    const size = given.size ?? buffer.size - offset;
    const needed = leaf.length * 4;
    if (size < needed || offset + needed > buffer.size) {
      throw new TreeMismatchError(`${where} has ${size} bytes, expected ${needed}`);
    }
    if (offset % 4 !== 0) throw new RangeError(`${where} begins at byte ${offset}, expected a multiple of 4`);
    if ((buffer.usage & wanted) !== wanted) {
      throw new RangeError(`${where}: its buffer lacks a usage of STORAGE, COPY_SRC and COPY_DST`);
    }
    return { buffer, offset };
  });
}
