import type { Program } from "../../program/program.ts";
import { padded } from "../../tree/layout.ts";
import type { PlaneId } from "../backend.ts";
import { Heap, MAX_BYTES } from "./heap.ts";

/**
 * The planes of one optimizer, one behind the other. A slot has a piece for each group that its rule meets.
 *
 *     | params | gap | grads | gap | slot 0 | gap | … | scratch | gap | tile | blocks |
 *
 * All are counted in bytes from the begin of an arena, which is that of the parameters; planes from where the element 0 of
 * the layout would stand: so that one range of offsets serves all planes of a group. Addresses wrap around at 2^32, as
 * pointers of a linked loop do.
 */
export interface Arena {
  readonly bytes: number;
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
  /** All of it in words, for an error. */
  readonly table: () => string;
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

/** The planes of a program, in order. */
export function planeSizes(
  { layout, slots, groupsOfSlot, groups, chain }: Program,
  updates: boolean,
  tileBytes = 0,
  blockBytes = 0,
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

/** Where all planes stand. @throws RangeError with the bytes of every plane, if no memory of any backend can hold them */
export function arenaOf(program: Program, updates: boolean, tileBytes = 0, blockBytes = 0): Arena {
  const planes = planeSizes(program, updates, tileBytes, blockBytes);
  // Blocks are no planes, and small.
  const named = planes.filter(({ id }) => id !== "blocks");
  const table = () => named.map((plane) => `${plane.name} ${megabytes(plane.bytes)}`).join(", ");
  const slots = program.slots.map((): number[] => []);
  let at = 0;
  const arena = { params: at, grads: at, updates: at, scratch: at, leafScratch: at, tile: at, blocks: at, slots };
  planes.forEach(({ id, bytes, group }, i) => {
    if (typeof id !== "number") arena[id] = at;
    else slots[id]![group] = at - program.layout.groups[group]!.begin * 4;
    at += bytes;
    if (Math.min(bytes, planes[i + 1]?.bytes ?? 0) >= GAP_FROM) at += GAP;
  });
  if (!(at <= MAX_BYTES)) {
    throw new RangeError(
      `the planes need ${megabytes(at)}, more than the ${megabytes(MAX_BYTES)} of one WebAssembly memory: ${table()}`,
    );
  }
  return { ...arena, bytes: at, table };
}

/** @throws RangeError with the bytes of every plane, if the engine has no memory for them; nothing is allocated then */
export function allocate({ bytes, table }: Arena, kernels: WebAssembly.Module | null): Heap {
  try {
    return Heap.with(bytes, kernels);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`the engine has no memory left for ${megabytes(bytes)}: ${table()}`, { cause: error });
  }
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;
