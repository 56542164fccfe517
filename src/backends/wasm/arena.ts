import type { Program } from "../../program/program.js";
import { type Layout, padded } from "../../tree/layout.js";
import { Heap, MAX_BYTES } from "./heap.js";

/**
 * The planes of one optimizer, one behind the other; addresses in bytes.
 *
 *     | params | gap | grads | gap | slot 0 | gap | … | scratch | gap | tile |
 */
export interface Arena {
  readonly heap: Heap;
  readonly params: number;
  readonly grads: number;
  readonly slots: readonly number[];
  readonly scratch: number;
  readonly tile: number;
}

/**
 * Between large planes lies a gap: where they are whole powers of two apart, the same element of each falls into the
 * same bank of the memory, and a step of 16 M parameters takes 1.2 to 1.4 times as long (64 B to 9 KiB gained less).
 */
const GAP = 21 * 4096;
const GAP_FROM = 2 ** 24;

/** @throws RangeError with the bytes of every plane, if no memory can hold them; nothing is allocated then */
export function arenaOf(
  program: Program,
  layout: Layout,
  tileBytes: number,
  kernels: WebAssembly.Module | null,
): Arena {
  const bytes = layout.size * 4;
  const { gap, total, table } = measure(program, layout, tileBytes);
  let room: { heap: Heap; base: number };
  try {
    room = Heap.allocate(total, kernels);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`the engine has no memory left for ${megabytes(total)}: ${table}`, { cause: error });
  }
  let at = room.base;
  const take = (size: number) => {
    const begin = at;
    if (size > 0) at += size + gap;
    return begin;
  };
  return {
    heap: room.heap,
    params: take(bytes),
    grads: take(bytes),
    slots: program.slots.map(() => take(bytes)),
    scratch: take(scratchBytes(program, layout)),
    tile: take(tileBytes),
  };
}

/** What all planes need together; the limit is that of every backend. @throws RangeError */
export function measure(program: Program, layout: Layout, tileBytes: number) {
  const bytes = layout.size * 4;
  const planes = [
    { name: "params", bytes },
    { name: "grads", bytes },
    ...program.slots.map(({ name, rule }) => ({ name: `${program.rules[rule]!.rule.name}.${name}`, bytes })),
    { name: "scratch", bytes: scratchBytes(program, layout) },
    { name: "tile", bytes: tileBytes },
  ].filter((plane) => plane.bytes > 0);
  const gap = bytes >= GAP_FROM ? GAP : 0;
  const total = planes.reduce((sum, plane) => sum + plane.bytes + gap, 0);
  const table = planes.map((plane) => `${plane.name} ${megabytes(plane.bytes)}`).join(", ");
  if (!(total <= MAX_BYTES)) {
    throw new RangeError(
      `the planes need ${megabytes(total)}, more than the ${megabytes(MAX_BYTES)} of one WebAssembly memory: ${table}`,
    );
  }
  return { gap, total, table };
}

function scratchBytes({ scratch }: Program, { leaves, size }: Layout): number {
  if (scratch === "none") return 0;
  if (scratch === "tree") return size * 4;
  return leaves.reduce((most, { length }) => Math.max(most, padded(length) * 4), 0);
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
