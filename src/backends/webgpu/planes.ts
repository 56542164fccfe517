// Where planes stand on a device. The elements of a layout are cut into pieces, so that within a piece every plane is one
// run of one buffer: a piece ends with its group, where a binding cannot be larger, and where a buffer of the caller's does.
//
//     layout   | a …… | b …………… | c … |        leaves begin on lines of 256 bytes: any of them can be bound by itself
//     pieces   | 0             | 1   |
//     params   | buffer        | buffer |      so have the gradients and every slot

import type { Program } from "../../program/program.ts";
import type { Layout, LayoutLeaf } from "../../tree/layout.ts";
import type { PlaneId } from "../backend.ts";
import { type Gpu, usage } from "./gpu.ts";

/** Elements of a line, and of the chunks that sums and leaves' factors go by: those of the blocks in assembly/kernels/reduce.ts. */
const LINE = 64;
export const CHUNK = 4096;

/** Elements that go up at a time where a plane is filled. */
const FILL = 2 ** 18;

/**
 * Elements of a leaf that goes up by itself, and of smaller ones that go up together: 300 leaves of 3,333 take half the time,
 * 10,000 of 100 a quarter. Leaves of 60,000 take 1.3 times as long together: they are copied once more.
 */
const ALONE = 2 ** 14;
const TOGETHER = 2 ** 16;

/** Where they are put side by side. One for all: the queue makes a copy at once. */
const together = new Float32Array(TOGETHER);

/** A run of bytes. */
export interface Place {
  readonly buffer: GPUBuffer;
  readonly offset: number;
}

/** What of a leaf stands in a piece. */
export interface Part {
  readonly leaf: LayoutLeaf;
  /** Elements from the begin of the leaf. */
  readonly from: number;
  readonly length: number;
}

export interface Piece {
  readonly index: number;
  readonly group: number;
  /** Elements of the layout; the end is that of the last leaf, without padding. */
  readonly begin: number;
  readonly end: number;
  readonly parts: readonly Part[];
  /** Elements that are read at a time. */
  readonly width: 1 | 4;
}

/** Buffers of the caller's, by leaf. */
export type Given = Partial<Record<"params" | "grads", readonly (Place | null)[]>>;

const toLine = (elements: number): number => Math.ceil(elements / LINE) * LINE;

/** The same groups with lines of a device. */
export function deviceLayout(layout: Layout): Layout {
  const leaves = new Array<LayoutLeaf>(layout.leaves.length);
  let size = 0;
  let live = 0;
  const groups = layout.groups.map((group) => {
    const begin = size;
    const own = group.leaves.map((leaf) => {
      const placed = { ...leaf, offset: size };
      leaves[leaf.index] = placed;
      size += toLine(leaf.length);
      return placed;
    });
    if (group.begin < layout.live) live = size;
    return { leaves: own, begin, end: size };
  });
  return { ...layout, leaves, groups, live, size };
}

/** @param capacity elements of a piece at most, whole lines */
function cut({ groups }: Layout, given: Given, capacity: number): Piece[] {
  const pieces: Piece[] = [];
  const all = Object.values(given);
  const placesOf = ({ index }: LayoutLeaf) => all.map((places) => places[index] ?? null);
  groups.forEach(({ leaves }, group) => {
    let parts: Part[] = [];
    const close = () => {
      const [first] = parts;
      const last = parts.at(-1);
      if (!first || !last) return;
      const begin = first.leaf.offset + first.from;
      const end = last.leaf.offset + last.from + last.length;
      const ours = placesOf(first.leaf).every((place) => place === null);
      const even =
        (end - begin) % 4 === 0 && placesOf(first.leaf).every((place) => place === null || place.offset % 16 === 0);
      pieces.push({ index: pieces.length, group, begin, end, parts, width: ours || even ? 4 : 1 });
      parts = [];
    };
    /** Whether the caller's leaves lie as those of the layout do, with no gap that may be something else's. */
    const follows = (before: LayoutLeaf, leaf: LayoutLeaf) =>
      placesOf(leaf).every((place, i) => {
        const last = placesOf(before)[i]!;
        if (!place || !last) return place === last;
        const distance = leaf.offset - before.offset;
        return (
          place.buffer === last.buffer && place.offset - last.offset === distance * 4 && distance === before.length
        );
      });
    for (const leaf of leaves) {
      if (leaf.length === 0) continue;
      const before = parts.at(-1);
      if (before) {
        const begin = parts[0]!.leaf.offset + parts[0]!.from;
        if (leaf.offset + toLine(leaf.length) - begin > capacity || !follows(before.leaf, leaf)) close();
      }
      for (let from = 0; from < leaf.length; from += capacity) {
        if (from > 0) close();
        parts.push({ leaf, from, length: Math.min(capacity, leaf.length - from) });
      }
    }
    close();
  });
  return pieces;
}

/** Whether a plane has a place for what is of this group. */
export const hasPlace = (
  { groups, groupsOfSlot }: Program,
  id: PlaneId,
  { group }: { readonly group: number },
): boolean => (typeof id === "number" ? groupsOfSlot[id]!.includes(group) : id === "params" || group < groups.length);

/** All planes of one optimizer. */
export class Planes {
  readonly pieces: readonly Piece[];
  /** Bytes of its own buffers. */
  readonly bytes: number;
  readonly #gpu: Gpu;
  readonly #own: GPUBuffer[] = [];
  /** By leaf: which pieces have what of it. */
  readonly #runs: readonly { piece: number; from: number; length: number }[][];
  /** By plane and piece. */
  readonly #places = new Map<PlaneId, readonly (Place | null)[]>();

  /**
   * @param ids planes beside the parameters
   * @param merges whether the slots of a piece share a buffer
   */
  constructor(gpu: Gpu, program: Program, ids: readonly PlaneId[], given: Given, merges: boolean, maxBytes: number) {
    this.#gpu = gpu;
    const { layout } = program;
    const slots = ids.filter((id) => typeof id === "number");
    // A binding of the caller's begins up to a line before the leaf.
    const room = maxBytes - (Object.keys(given).length > 0 ? LINE * 4 : 0);
    const most = room / 4 / (merges ? Math.max(1, slots.length) : 1);
    const unit = most < CHUNK ? LINE : CHUNK;
    const capacity = Math.max(1, Math.floor(most / unit)) * unit;
    this.pieces = cut(layout, given, capacity);
    this.#runs = layout.leaves.map(() => []);
    for (const { index, parts } of this.pieces) {
      for (const { leaf, from, length } of parts) this.#runs[leaf.index]!.push({ piece: index, from, length });
    }
    const has = (id: PlaneId, piece: Piece) => hasPlace(program, id, piece);
    const sizeOf = ({ begin, end }: Piece) => toLine(end - begin) * 4;
    let bytes = 0;
    const own = (size: number, label: string): GPUBuffer => {
      const flags = usage.storage | usage.copySrc | usage.copyDst;
      const buffer = gpu.device.createBuffer({ size, usage: flags, label: `lanestep ${label}` });
      this.#own.push(buffer);
      bytes += size;
      return buffer;
    };
    const shared = this.pieces.map((piece) => {
      const count = slots.filter((id) => has(id, piece)).length;
      return merges && count > 0 ? { buffer: own(count * sizeOf(piece), "state"), used: 0 } : null;
    });
    for (const id of ["params", ...ids] as const) {
      const callers = id === "params" || id === "grads" ? given[id] : undefined;
      const places = this.pieces.map((piece, i): Place | null => {
        if (!has(id, piece)) return null;
        const { leaf, from } = piece.parts[0]!;
        const place = callers?.[leaf.index];
        if (place) return { buffer: place.buffer, offset: place.offset + from * 4 };
        const state = shared[i]!;
        if (typeof id !== "number" || !state) return { buffer: own(sizeOf(piece), String(id)), offset: 0 };
        state.used += sizeOf(piece);
        return { buffer: state.buffer, offset: state.used - sizeOf(piece) };
      });
      this.#places.set(id, places);
    }
    this.bytes = bytes;
  }

  at(id: PlaneId, { index }: Piece): Place | null {
    return this.#places.get(id)?.[index] ?? null;
  }

  /** Where the parts of a leaf stand; none where the plane has no place for it. */
  ofLeaf(
    id: PlaneId,
    { index, offset }: LayoutLeaf,
  ): { readonly place: Place; readonly from: number; readonly length: number }[] {
    const places = this.#places.get(id)!;
    return (this.#runs[index] ?? []).flatMap(({ piece, from, length }) => {
      const place = places[piece];
      if (!place) return [];
      const bytes = (offset + from - this.pieces[piece]!.begin) * 4;
      return [{ place: { buffer: place.buffer, offset: place.offset + bytes }, from, length }];
    });
  }

  write(id: PlaneId, leaf: LayoutLeaf, data: Float32Array<ArrayBuffer>): void {
    for (const { place, from, length } of this.ofLeaf(id, leaf)) {
      this.#gpu.device.queue.writeBuffer(place.buffer, place.offset, data, from, length);
    }
  }

  /**
   * Sends leaves of the host up: small neighbours together, with zeros in the padding between them.
   *
   * @param valuesOf null where a leaf is to be left alone
   */
  writeAll(id: PlaneId, valuesOf: (leaf: LayoutLeaf) => Float32Array<ArrayBuffer> | null): void {
    const { queue } = this.#gpu.device;
    for (const piece of this.pieces) {
      const place = this.at(id, piece);
      if (!place) continue;
      let [begin, end] = [0, 0]; // of what stands in `together`, in the piece
      const send = () => {
        if (end > begin) queue.writeBuffer(place.buffer, place.offset + begin * 4, together, 0, end - begin);
        begin = end;
      };
      for (const { leaf, from, length } of piece.parts) {
        const values = valuesOf(leaf);
        if (!values) continue;
        const at = leaf.offset + from - piece.begin;
        if (length >= ALONE) {
          queue.writeBuffer(place.buffer, place.offset + at * 4, values, from, length);
          continue;
        }
        // What lies beyond a line is a leaf that is left alone, or was sent.
        if (at - end >= LINE || at + length - begin > TOGETHER) send();
        if (end === begin) begin = end = at;
        together.fill(0, end - begin, at - begin);
        together.set(length === values.length ? values : values.subarray(from, from + length), at - begin);
        end = at + length;
      }
      send();
    }
  }

  fill(id: PlaneId, value: number): void {
    const { queue } = this.#gpu.device;
    const values = new Float32Array(FILL).fill(value);
    this.pieces.forEach(({ begin, end }, i) => {
      const place = this.#places.get(id)![i];
      if (!place) return;
      for (let at = 0; at < end - begin; at += FILL) {
        queue.writeBuffer(place.buffer, place.offset + at * 4, values, 0, Math.min(FILL, end - begin - at));
      }
    });
  }

  copy(from: PlaneId, to: PlaneId): void {
    const encoder = this.#gpu.device.createCommandEncoder();
    this.pieces.forEach((piece) => {
      const [source, target] = [this.at(from, piece), this.at(to, piece)];
      if (!source || !target) return;
      const bytes = (piece.end - piece.begin) * 4;
      encoder.copyBufferToBuffer(source.buffer, source.offset, target.buffer, target.offset, bytes);
    });
    this.#gpu.device.queue.submit([encoder.finish()]);
  }

  /** Exchanges two planes. */
  swap(a: PlaneId, b: PlaneId): void {
    for (const piece of this.pieces) {
      const [first, second] = [this.at(a, piece), this.at(b, piece)];
      if (!first || !second) continue;
      const size = (piece.end - piece.begin) * 4;
      const kept = this.#gpu.device.createBuffer({ size, usage: usage.copySrc | usage.copyDst });
      const encoder = this.#gpu.device.createCommandEncoder();
      encoder.copyBufferToBuffer(first.buffer, first.offset, kept, 0, size);
      encoder.copyBufferToBuffer(second.buffer, second.offset, first.buffer, first.offset, size);
      encoder.copyBufferToBuffer(kept, 0, second.buffer, second.offset, size);
      this.#gpu.device.queue.submit([encoder.finish()]);
      kept.destroy();
    }
  }

  /** Frees its own buffers, not those of the caller's. */
  destroy(): void {
    for (const buffer of this.#own) buffer.destroy();
  }
}
