import type { GroupProgram, Source } from "../../program/compile.ts";
import type { StepValues } from "../../program/values.ts";
import type { LayoutLeaf } from "../../tree/layout.ts";
import { type BackendInfo, type Engine, type Mode, type PlaneId, type Sums, zeroSums } from "../backend.ts";
import { allocate } from "./arena.ts";
import { type Code, type LinkedProgram, linkedIn } from "./linked.ts";
import { endOf, type LoopSink, loopsOf, signatureWith } from "./loops.ts";
import { planeOf, type Room } from "./passes.ts";

/** The loops that a group runs in `step()`, or in `update()`; those are linked when it is first called. */
export const signaturesOf = (group: GroupProgram, sink: "apply" | "emit" = "apply"): string[] =>
  loopsOf(group).flatMap(({ pass, variants }) =>
    sinksOf(pass.sink, sink).flatMap((kind) => variants.map((variant) => signatureWith(variant, endOf(kind)))),
  );

const sinksOf = (sink: "park" | "result" | number, result: LoopSink): LoopSink[] =>
  typeof sink === "number" ? ["start", "add"] : [sink === "park" ? "park" : result];

/** Runs a program over one arena of a WebAssembly memory. */
export class WasmEngine implements Engine, Room {
  readonly backend: BackendInfo;
  readonly base: number;
  readonly sums: readonly Sums[];
  readonly #linked: LinkedProgram;
  readonly #values: readonly StepValues[];

  constructor(code: Code, kernels: WebAssembly.Module | null, values: readonly StepValues[], backend: BackendInfo) {
    const { program, arena } = code;
    const heap = allocate(arena, kernels);
    this.backend = backend;
    this.sums = zeroSums(program);
    this.base = heap.take(arena.bytes);
    this.#values = values;
    this.#linked = linkedIn(heap)(code);
    this.#linked.enter(this.base);
    program.slots.forEach(({ initial }, slot) => {
      if (typeof initial === "number" && initial !== 0) for (const span of this.spans(slot)) span.fill(initial);
    });
  }

  view(id: PlaneId, leaf: LayoutLeaf): Float32Array<ArrayBuffer> | null {
    const at = this.#placeOf(id, leaf);
    return at === null ? null : this.#floats(at, leaf.length);
  }

  spans(id: PlaneId): readonly Float32Array<ArrayBuffer>[] {
    const { arena, program } = this.#linked.code;
    const { layout, groupsOfSlot } = program;
    if (typeof id !== "number") return [this.#floats(arena[id], id === "params" ? layout.size : layout.live)];
    return groupsOfSlot[id]!.map((group) => {
      const { begin, end } = layout.groups[group]!;
      return this.#floats(arena.slots[id]![group]! + begin * 4, end - begin);
    });
  }

  begin(sink: "apply" | "emit"): void {
    // An engine may refuse by now to compile: then the step has not begun.
    if (sink === "emit") this.#linked.prepare(sink);
  }

  stage(group: number, stage: number, mode: Mode): void {
    const { groups, code } = this.#linked;
    const { program, layout } = groups[group]!;
    const passes = this.#linked.stage(group, stage, mode);
    const step = this.#values[group]!;
    if (!program.stages[stage]!.byLeaf) {
      if (layout.end > layout.begin) for (const pass of passes) pass.whole(this, step);
    } else {
      for (const leaf of layout.leaves) {
        if (leaf.length === 0) continue;
        for (const { factor, rule } of program.leafFactors) step.values[factor] = this.sums[rule]!.factors[leaf.index]!;
        for (const pass of passes) pass.leaf(this, step, leaf);
      }
    }
    if (code.keepsUpdates && mode === "apply" && stage === program.stages.length - 1)
      this.#add(group, code.arena.updates);
  }

  squares(id: PlaneId, leaf: LayoutLeaf): number {
    const at = this.#placeOf(id, leaf);
    return at === null ? 0 : this.#linked.heap.kernels.sumSquares(this.base + at, leaf.length);
  }

  nonFinite(group: number, source: Source): number {
    const { groups, heap } = this.#linked;
    const context = groups[group]!;
    const bad = context.layout.leaves.find(({ offset, length }) => {
      const begin = offset * 4;
      return heap.kernels.hasNonFinite(planeOf(context, this, source, begin) + begin, length) !== 0;
    });
    return bad?.index ?? -1;
  }

  expose(group: number, isActive: boolean): void {
    if (!isActive) this.#zero(group, "scratch");
  }

  takeBack(): void {}

  zeroGrads(group: number): void {
    this.#zero(group, "grads");
  }

  apply(group: number): void {
    this.#add(group, this.#linked.code.arena.grads);
  }

  flush(group: number): void {
    const { groups, heap, code } = this.#linked;
    const { layout, program: own } = groups[group]!;
    for (const slot of own.slots.flat()) {
      if (!code.program.slots[slot]!.decays) continue;
      const at = this.base + code.arena.slots[slot]![group]!;
      heap.kernels.flush(at + layout.begin * 4, at + layout.end * 4);
    }
  }

  /** Where a leaf of a plane is in the arena; null if the plane has no place for it. */
  #placeOf(id: PlaneId, { group, offset }: LayoutLeaf): number | null {
    const { arena, program } = this.#linked.code;
    const isFrozen = group >= program.groups.length;
    const plane =
      typeof id === "number" ? arena.slots[id]![group] : isFrozen && id !== "params" ? undefined : arena[id];
    return plane === undefined ? null : plane + offset * 4;
  }

  #add(group: number, x: number): void {
    const { begin, end } = this.#linked.code.program.layout.groups[group]!;
    const add = this.#linked.addition();
    if (end > begin) add(0, this.base, this.base + x, 0, begin * 4, end * 4);
  }

  #zero(group: number, plane: "scratch" | "grads"): void {
    const { begin, end } = this.#linked.code.program.layout.groups[group]!;
    this.#floats(this.#linked.code.arena[plane] + begin * 4, end - begin).fill(0);
  }

  #floats(at: number, length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#linked.heap.buffer, this.base + at, length);
  }
}
