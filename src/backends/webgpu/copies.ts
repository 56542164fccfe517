// What is copied into planes: from the host, and from buffers of the caller's.

import type { Program } from "../../program/program.ts";
import type { FoundLeaf } from "../../tree/leaf.ts";
import { displayPath } from "../../tree/path.ts";
import type { Place, Planes } from "./planes.ts";

/** @throws RangeError for gradients that a device cannot copy: within one buffer */
export function checkCopies(planes: Planes, { layout }: Program, places: readonly (Place | null)[]): void {
  layout.leaves.forEach((leaf, i) => {
    const source = places[i];
    for (const { place, from } of source ? planes.ofLeaf("grads", leaf) : []) {
      if (place.buffer !== source!.buffer || place.offset === source!.offset + from * 4) continue;
      throw new RangeError(
        `"${displayPath("grads", leaf.keys)}" lies in the buffer that it is to be copied to, at another offset`,
      );
    }
  });
}

/** Copies leaves from where the caller has them, unless that is where they are wanted. */
export function copyPlaces(
  encoder: GPUCommandEncoder,
  planes: Planes,
  id: "params" | "grads",
  { layout }: Program,
  places: readonly (Place | null)[],
): void {
  layout.leaves.forEach((leaf, i) => {
    const source = places[i];
    if (!source) return;
    for (const { place, from, length } of planes.ofLeaf(id, leaf)) {
      const offset = source.offset + from * 4;
      if (place.buffer === source.buffer && place.offset === offset) continue;
      encoder.copyBufferToBuffer(source.buffer, offset, place.buffer, place.offset, length * 4);
    }
  });
}

/** Sends leaves of the host up; those that are absent are left alone. */
export function writeFound(planes: Planes, id: "params" | "grads", found: readonly (FoundLeaf | undefined)[]): void {
  planes.writeAll(id, ({ index }) => {
    const data = found[index]?.data ?? null;
    return typeof data === "number" ? Float32Array.of(data) : data && asFloats(data);
  });
}

/** Without a copy where that can be: the queue makes its own. Browsers take no buffer that may change its size. */
const asFloats = (data: ArrayLike<number>): Float32Array<ArrayBuffer> =>
  data instanceof Float32Array &&
  data.buffer instanceof ArrayBuffer &&
  !(data.buffer as { readonly resizable?: boolean }).resizable
    ? (data as Float32Array<ArrayBuffer>)
    : new Float32Array(data);
