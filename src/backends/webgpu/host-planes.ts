// Planes of a device on the host for a while: to be saved, restored, or read.

import type { Program } from "../../program/program.ts";
import type { LayoutLeaf } from "../../tree/layout.ts";
import type { PlaneId } from "../backend.ts";
import type { Gpu } from "./gpu.ts";
import { hasPlace, type Planes } from "./planes.ts";

type Values = Float32Array<ArrayBuffer>;

/** Leaves of planes, made when they are first asked for. */
export class HostPlanes {
  readonly #program: Program;
  readonly #leaves = new Map<PlaneId, Map<LayoutLeaf, Values>>();

  constructor(program: Program) {
    this.#program = program;
  }

  view(id: PlaneId, leaf: LayoutLeaf): Values | null {
    if (!hasPlace(this.#program, id, leaf)) return null;
    const plane = this.#leaves.get(id) ?? new Map<LayoutLeaf, Values>();
    this.#leaves.set(id, plane);
    const values = plane.get(leaf) ?? new Float32Array(leaf.length);
    plane.set(leaf, values);
    return values;
  }

  /** Sends up all that was asked for. */
  upload(planes: Planes): void {
    for (const [id, leaves] of this.#leaves) planes.writeAll(id, (leaf) => leaves.get(leaf) ?? null);
  }

  /** Fills in all that was asked for, as it is on the device at this moment. @throws as `Gpu.read` */
  async download(gpu: Gpu, planes: Planes): Promise<void> {
    const runs = [...this.#leaves].flatMap(([id, leaves]) =>
      planes.pieces.flatMap((piece) => {
        const place = planes.at(id, piece);
        if (!place || !piece.parts.some(({ leaf }) => leaves.has(leaf))) return [];
        return [{ ...place, size: (piece.end - piece.begin) * 4, piece, leaves }];
      }),
    );
    await gpu.read(runs, (all) => {
      for (const [i, { piece, leaves }] of runs.entries()) {
        for (const { leaf, from, length } of piece.parts) {
          const begin = leaf.offset + from - piece.begin;
          leaves.get(leaf)?.set(all[i]!.subarray(begin, begin + length), from);
        }
      }
    });
  }
}
