// Buffers of the caller's.

import { TreeMismatchError } from "../../errors.ts";
import { isPlainObject, show } from "../../show.ts";
import type { Layout, LayoutLeaf, Skeleton } from "../../tree/layout.ts";
import { displayPath, type Keys } from "../../tree/path.ts";
import { type Gpu, orLost, usage } from "./gpu.ts";
import type { Given, Place } from "./planes.ts";

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
  const first = Object.values(tree).find((child) => typeof child === "object" && child !== null);
  return first !== undefined && holdsBindings(first);
}

/** @throws TreeMismatchError for a leaf that the parameters do not have */
function checkKeys(node: Skeleton, value: unknown, root: string, path: Keys): void {
  if (typeof node === "number" || typeof value !== "object" || value === null) return;
  const known = new Map(node.keys.map((key, i) => [String(key), i]));
  for (const [key, child] of Object.entries(value)) {
    const i = known.get(key);
    if (i === undefined) {
      throw new TreeMismatchError(`"${displayPath(root, [...path, key])}" is not among the parameters`);
    }
    checkKeys(node.children[i]!, child, root, [...path, key]);
  }
}

/**
 * Reads a tree of bindings that has the form of the parameters.
 *
 * @throws TreeMismatchError for a leaf that is missing, not expected or too small; TypeError for what is no binding;
 *   RangeError for one that is not aligned, lacks a usage or is mapped
 */
export function matchBindings(
  { leaves, skeleton }: Layout,
  tree: unknown,
  root: string,
  { bits, words }: { readonly bits: number; readonly words: string },
  isOptional: (leaf: LayoutLeaf) => boolean = () => false,
): (Place | null)[] {
  checkKeys(skeleton, tree, root, []);
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
    if (!Number.isInteger(offset) || offset < 0 || offset % 4 !== 0)
      throw new RangeError(`${where} begins at byte ${show(offset)}, expected a multiple of 4`);
    const there = Math.max(0, buffer.size - offset);
    const { size = there } = given;
    const needed = leaf.length * 4;
    if (!Number.isInteger(size) || size < needed || there < needed) {
      const found = typeof size === "number" ? Math.min(size, there) : show(size);
      throw new TreeMismatchError(`${where} has ${found} bytes, expected ${needed}`);
    }
    if ((buffer.usage & bits) !== bits) {
      throw new RangeError(`${where}: its buffer lacks a usage: it takes ${words}`);
    }
    if (buffer.mapState === "mapped" || buffer.mapState === "pending") {
      throw new RangeError(`${where}: its buffer is mapped: unmap() it first`);
    }
    return { buffer, offset };
  });
}

/**
 * Looks at buffers to work on, all together.
 *
 * @throws RangeError where a leaf lies over another, as both would be written; for a buffer that the device does not take:
 *   of another device, or destroyed
 */
export async function checkPlaces(gpu: Gpu, { leaves }: Layout, given: Given): Promise<void> {
  const runs = (["params", "grads"] as const).flatMap((id) =>
    leaves.flatMap(({ keys, length, index }) => {
      const place = given[id]?.[index];
      if (!place || length === 0) return [];
      return [{ ...place, end: place.offset + length * 4, name: displayPath(`buffers.${id}`, keys) }];
    }),
  );
  const last = new Map<GPUBuffer, (typeof runs)[number]>();
  for (const run of runs.sort((a, b) => a.offset - b.offset)) {
    const before = last.get(run.buffer);
    if (before && before.end > run.offset) {
      throw new RangeError(
        `"${run.name}" begins at byte ${run.offset} of a buffer, before "${before.name}" ends at ${before.end}: give each a place of its own`,
      );
    }
    last.set(run.buffer, run);
  }
  if (last.size === 0) return;
  const scratch = gpu.device.createBuffer({ size: 4, usage: usage.copyDst });
  const checks = [...last.values()].map(async ({ buffer, offset, name }) => {
    const { refused } = gpu.watch(() => {
      const encoder = gpu.device.createCommandEncoder();
      encoder.copyBufferToBuffer(buffer, offset, scratch, 0, 4);
      gpu.device.queue.submit([encoder.finish()]);
    });
    const error = (await refused).find((error) => error !== null);
    if (error) throw new RangeError(`"${name}": the device does not take its buffer: ${error.message}`);
  });
  try {
    await Promise.all(checks);
  } catch (error) {
    throw await orLost(gpu, error);
  } finally {
    scratch.destroy();
  }
}
