// What shaders look up: chunks of leaves, leaves, and where factors and partial sums stand.

import type { Program } from "../../program/program.ts";
import type { LayoutLeaf } from "../../tree/layout.ts";
import type { PlaneId } from "../backend.ts";
import type { DeviceFactor, FactorsOf } from "./constants.ts";
import { type Gpu, usage } from "./gpu.ts";
import { CHUNK, type Piece } from "./planes.ts";

/** Consecutive entries of a table. */
export interface Run {
  readonly first: number;
  readonly count: number;
}

/** Those whose sums statistics take. */
const planes: readonly PlaneId[] = ["params", "grads", "updates"];

/** Σ x² of the leaves of planes, and the factors of norms. */
interface Measured {
  readonly squares: (id: PlaneId, leaf: LayoutLeaf) => number;
  readonly factors: Float32Array<ArrayBuffer>;
}

export class Tables {
  /** Of every chunk: its begin in the piece, its length, the place of its leaf, its begin in the leaf. Elements. */
  readonly chunks: GPUBuffer;
  /** Of every leaf, group by group: first chunk, chunks, the hash of its path. */
  readonly leaves: GPUBuffer;
  readonly chunksOfPiece: readonly Run[];
  readonly chunksOfGroup: readonly Run[];
  readonly leavesOfGroup: readonly Run[];
  /** What rules make of norms; then those norms; then factors leaf by leaf. */
  readonly factors: GPUBuffer;
  readonly partials: GPUBuffer;
  readonly #chunkCount: number;
  /** Chunks by the place of a leaf. */
  readonly #runs: readonly Run[];
  /** Rules that take norms. */
  readonly #measured: readonly number[];
  readonly #places: readonly DeviceFactor[];
  readonly #placeOf: ReadonlyMap<number, number>;
  /** By group and value. */
  readonly #factors: readonly ReadonlyMap<number, DeviceFactor>[];

  constructor(gpu: Gpu, { layout, groups, chain }: Program, pieces: readonly Piece[]) {
    const chunks: number[] = [];
    const order: LayoutLeaf[] = layout.groups.flatMap(({ leaves }) => leaves);
    const runs = order.map(() => ({ first: 0, count: 0 }));
    this.#runs = runs;
    const placeOf = new Map(order.map(({ index }, place) => [index, place]));
    this.#placeOf = placeOf;
    this.chunksOfPiece = pieces.map(({ parts, begin }) => {
      const first = chunks.length / 4;
      for (const { leaf, from, length } of parts) {
        const place = placeOf.get(leaf.index)!;
        const run = runs[place]!;
        if (run.count === 0) run.first = chunks.length / 4;
        for (let at = 0; at < length; at += CHUNK) {
          run.count += 1;
          chunks.push(leaf.offset + from + at - begin, Math.min(CHUNK, length - at), place, from + at);
        }
      }
      return { first, count: chunks.length / 4 - first };
    });
    let place = 0;
    this.leavesOfGroup = layout.groups.map(({ leaves }) => {
      const first = place;
      place += leaves.length;
      return { first, count: leaves.length };
    });
    this.chunksOfGroup = layout.groups.map((_, group) => {
      const own = pieces.flatMap((piece, i) => (piece.group === group ? [this.chunksOfPiece[i]!] : []));
      const count = own.reduce((sum, run) => sum + run.count, 0);
      return { first: own[0]?.first ?? 0, count };
    });
    this.#chunkCount = chunks.length / 4;
    const table = (words: readonly number[], label: string): GPUBuffer => {
      const size = Math.max(16, words.length * 4);
      const buffer = gpu.device.createBuffer({
        size,
        usage: usage.storage | usage.copyDst,
        label: `lanestep ${label}`,
      });
      gpu.device.queue.writeBuffer(buffer, 0, Uint32Array.from(words));
      return buffer;
    };
    this.chunks = table(chunks, "chunks");
    const leaves = order.flatMap(({ hash }, i) => [runs[i]!.first, runs[i]!.count, hash, 0]);
    this.leaves = table(leaves, "leaves");
    const measured = chain.all.filter(({ rule }) => rule.kind === "norm").map(({ index }) => index);
    this.#measured = measured;
    const byLeaf = 2 * measured.length;
    let size = byLeaf;
    /** By rule: where its factor is, of a leaf's norm that of the first leaf. */
    const places = measured.map((index, i): DeviceFactor => {
      const { rule } = chain.all[index]!;
      if (rule.kind !== "norm" || rule.scope === "tree") return { at: i, byLeaf: false };
      size += order.length;
      return { at: size - order.length, byLeaf: true };
    });
    this.#places = places;
    this.#factors = groups.map(({ stages, rules }) => {
      const known = new Map<number, DeviceFactor>();
      for (const { passes, barrier } of stages) {
        if (barrier?.kind === "norm") known.set(barrier.factor, places[measured.indexOf(barrier.rule)]!);
        for (const pass of passes) {
          if (pass.kind !== "norm" || !pass.settles) continue;
          known.set(pass.settles.factor, places[measured.indexOf(rules[pass.rule]!.index)]!);
        }
      }
      return known;
    });
    const buffer = (bytes: number, label: string) =>
      gpu.device.createBuffer({ size: bytes, usage: usage.storage | usage.copySrc, label: `lanestep ${label}` });
    this.factors = buffer(Math.max(4, size * 4), "factors");
    this.partials = buffer(Math.max(8, (measured.length + planes.length) * this.#chunkCount * 8), "sums");
  }

  /** Of the values of a group, those that the device has. */
  factorsOf(group: number): FactorsOf {
    return (value) => this.#factors[group]!.get(value);
  }

  /** Among all leaves, group by group. */
  placeOf({ index }: LayoutLeaf): number {
    return this.#placeOf.get(index)!;
  }

  /** Of a rule that takes norms: where its partial sums begin, its factor (of leaves that of the first), and the norm. */
  ofRule(rule: number): { readonly sums: number; readonly factor: number; readonly norm: number } {
    const at = this.#measured.indexOf(rule);
    return { sums: at * this.#chunkCount, factor: this.#places[at]!.at, norm: this.#measured.length + at };
  }

  /** Where the partial sums of a plane begin. */
  ofPlane(id: PlaneId): number {
    return (this.#measured.length + planes.indexOf(id)) * this.#chunkCount;
  }

  /** Reads sums and factors back, after `record` has asked for sums of planes. */
  async read(gpu: Gpu, record: (encoder: GPUCommandEncoder) => void): Promise<Measured> {
    const runs = [this.partials, this.factors].map((buffer) => ({ buffer, offset: 0, size: buffer.size }));
    const take = (all: readonly Float32Array<ArrayBuffer>[]) => all.map((values) => values.slice());
    const [partials, factors] = await gpu.read(runs, take, record);
    /** Σ x² of a leaf of a plane. */
    const squares = (id: PlaneId, leaf: LayoutLeaf): number => {
      const { first, count } = this.#runs[this.placeOf(leaf)]!;
      let sum = 0;
      for (let i = first; i < first + count; i++) sum += partials![2 * (this.ofPlane(id) + i)]!;
      return sum;
    };
    return { squares, factors: factors! };
  }

  destroy(): void {
    for (const buffer of [this.chunks, this.leaves, this.factors, this.partials]) buffer.destroy();
  }
}
