import type { Program } from "../../program/program.ts";
import { type LayoutLeaf, padded } from "../../tree/layout.ts";
import type { PlaneId } from "../backend.ts";
import { Heap, MAX_BYTES } from "./heap.ts";

/**
 * The planes of one optimizer, one behind the other. A slot has a piece for each group that its rule meets.
 *
 *     | params | gap | grads | gap | slot 0 | gap | … | scratch | gap | tile | blocks |
 *
 * Addresses are those where the element 0 of the layout would stand, in bytes: so that one range of offsets serves all
 * planes of a group. They wrap around at 2^32, as pointers of a linked loop do.
 */
export interface Arena {
  readonly heap: Heap;
  readonly params: number;
  readonly grads: number;
  readonly updates: number;
  /** Of a whole tree, and of one leaf at a time. */
  readonly scratch: number;
  readonly leafScratch: number;
  readonly tile: number;
  /** What loops read their pointers and constants from. */
  readonly blocks: number;
  /** By slot and group. */
  readonly slots: readonly (readonly (number | undefined)[])[];
}

/**
 * Between large planes lies a gap: where they are whole powers of two apart, the same element of each falls into the
 * same bank of the memory, and a step of 16 M parameters takes up to twice as long. (Of that time a gap of 4 KiB and 64
 * bytes left 0.74, of 12 KiB 0.63, of 16 KiB 0.54, and this one as little as 84 KiB did; below 16 MiB none gained.)
 */
const GAP = 5 * 4096 + 64;
const GAP_FROM = 2 ** 24;

/** A piece of memory that an optimizer wants. */
export interface PlaneSize {
  readonly name: string;
  readonly bytes: number;
  readonly id: PlaneId | "leafScratch" | "tile" | "blocks";
  /** Of a slot. */
  readonly group: number;
}

/** What an optimizer wants beside what its program says. */
export interface Extras {
  readonly tileBytes: number;
  readonly blockBytes: number;
  readonly updates: boolean;
}

/** Of plans, and of other backends. */
export const noExtras: Extras = { tileBytes: 0, blockBytes: 0, updates: false };

/** The planes of a program, in order. */
export function planeSizes(
  { layout, slots, groupsOfSlot, groups, chain }: Program,
  { tileBytes, blockBytes, updates }: Extras,
): PlaneSize[] {
  const sized = (name: string, id: PlaneSize["id"], elements: number, group = -1) => {
    return { name, id, bytes: elements * 4, group };
  };
  const wants = (scratch: "leaf" | "tree") => layout.groups.filter((_, g) => groups[g]?.scratch === scratch);
  const longest = wants("leaf").flatMap(({ leaves }) => leaves.map(({ length }) => padded(length)));
  return [
    sized("params", "params", layout.size),
    sized("grads", "grads", layout.live),
    ...slots.flatMap(({ name, rule }, slot) =>
      groupsOfSlot[slot]!.map((group) => {
        const { begin, end } = layout.groups[group]!;
        return sized(`${chain.all[rule]!.address}.${name}`, slot, end - begin, group);
      }),
    ),
    sized("updates", "updates", updates ? layout.live : 0),
    sized("scratch", "scratch", wants("tree").length > 0 ? layout.live : 0),
    sized(
      "scratch",
      "leafScratch",
      longest.reduce((most, length) => Math.max(most, length), 0),
    ),
    sized("tile", "tile", tileBytes / 4),
    sized("blocks", "blocks", padded(blockBytes / 4)),
  ].filter(({ bytes, id }) => bytes > 0 || typeof id === "number");
}

/** What all planes need together; the limit is that of every backend. @throws RangeError */
export function measure(program: Program, extras: Extras) {
  const planes = planeSizes(program, extras);
  /** Behind plane i. */
  const gapAt = (i: number) => (planes[i]!.bytes >= GAP_FROM && (planes[i + 1]?.bytes ?? 0) >= GAP_FROM ? GAP : 0);
  const total = planes.reduce((sum, { bytes }, i) => sum + bytes + gapAt(i), 0);
  // Blocks are no planes, and small.
  const named = planes.filter(({ id }) => id !== "blocks");
  const table = () => named.map((plane) => `${plane.name} ${megabytes(plane.bytes)}`).join(", ");
  if (!(total <= MAX_BYTES)) {
    throw new RangeError(
      `the planes need ${megabytes(total)}, more than the ${megabytes(MAX_BYTES)} of one WebAssembly memory: ${table()}`,
    );
  }
  return { planes, gapAt, total, table };
}

/** @throws RangeError with the bytes of every plane, if no memory can hold them; nothing is allocated then */
export function arenaOf(program: Program, extras: Extras, kernels: WebAssembly.Module | null): Arena {
  const { planes, gapAt, total, table } = measure(program, extras);
  let room: { heap: Heap; base: number };
  try {
    room = Heap.allocate(total, kernels);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`the engine has no memory left for ${megabytes(total)}: ${table()}`, { cause: error });
  }
  let at = room.base;
  // Of one element, not of none: an empty array grows by seventeen.
  const slots = program.slots.map(() => new Array<number>(1));
  const { heap } = room;
  const arena = { heap, params: at, grads: at, updates: at, scratch: at, leafScratch: at, tile: at, blocks: at, slots };
  planes.forEach((plane, i) => {
    if (typeof plane.id !== "number") arena[plane.id] = at;
    else slots[plane.id]![plane.group] = at - program.layout.groups[plane.group]!.begin * 4;
    at += plane.bytes + gapAt(i);
  });
  return arena;
}

/** Where a plane begins for the leaves of a group; null if it has no place for them. */
export function addressOf(arena: Arena, { groups }: Program, id: PlaneId, { group }: Pick<LayoutLeaf, "group">) {
  if (typeof id === "number") return arena.slots[id]![group] ?? null;
  return id === "params" || group < groups.length ? arena[id] : null;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
