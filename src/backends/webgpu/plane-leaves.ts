// Planes leaf by leaf, for what one optimizer takes over from another on the device.

import type { Program } from "../../program/program.ts";
import type { LayoutLeaf } from "../../tree/layout.ts";
import type { PlaneId } from "../backend.ts";
import { hasPlace, type Planes } from "./planes.ts";

/** What a leaf of a plane may be given: what another one holds, or numbers of the host. */
type Data = PlaneLeaf | ArrayLike<number>;

/** A leaf of a plane. */
class PlaneLeaf {
  readonly #planes: Planes;
  readonly #id: PlaneId;
  readonly #leaf: LayoutLeaf;
  readonly #encoder: GPUCommandEncoder | null;

  constructor(planes: Planes, id: PlaneId, leaf: LayoutLeaf, encoder: GPUCommandEncoder | null) {
    this.#planes = planes;
    this.#id = id;
    this.#leaf = leaf;
    this.#encoder = encoder;
  }

  get runs() {
    return this.#planes.ofLeaf(this.#id, this.#leaf);
  }

  set(data: Data): void {
    if (!(data instanceof PlaneLeaf)) {
      this.#planes.write(this.#id, this.#leaf, Float32Array.from(data));
      return;
    }
    for (const to of this.runs) {
      for (const from of data.runs) {
        const begin = Math.max(to.from, from.from);
        const length = Math.min(to.from + to.length, from.from + from.length) - begin;
        if (length <= 0) continue;
        const at = (run: typeof to) => run.place.offset + (begin - run.from) * 4;
        this.#encoder!.copyBufferToBuffer(from.place.buffer, at(from), to.place.buffer, at(to), length * 4);
      }
    }
  }

  fill(value: number): void {
    this.#planes.write(this.#id, this.#leaf, new Float32Array(this.#leaf.length).fill(value));
  }
}

/** Planes by leaves that stay on the device: what `sourceOf` reads, and with an encoder what `carry` writes. */
export class PlaneLeaves {
  readonly #program: Program;
  readonly #planes: Planes;
  readonly #encoder: GPUCommandEncoder | null;
  readonly #leaves = new Map<PlaneId, readonly (PlaneLeaf | null)[]>();

  constructor(program: Program, planes: Planes, encoder: GPUCommandEncoder | null = null) {
    this.#program = program;
    this.#planes = planes;
    this.#encoder = encoder;
  }

  leaves(id: PlaneId): readonly (PlaneLeaf | null)[] {
    let leaves = this.#leaves.get(id);
    if (!leaves) {
      leaves = this.#program.layout.leaves.map((leaf) =>
        hasPlace(this.#program, id, leaf) ? new PlaneLeaf(this.#planes, id, leaf, this.#encoder) : null,
      );
      this.#leaves.set(id, leaves);
    }
    return leaves;
  }
}
