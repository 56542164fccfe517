import type { Sink } from "../../link/signature.ts";
import type { GroupProgram, Pass, Source } from "../../program/compile.ts";
import type { Program } from "../../program/program.ts";
import type { StepValues } from "../../program/values.ts";
import type { LayoutLeaf } from "../../tree/layout.ts";
import { type BackendInfo, type Engine, type Mode, type PlaneId, type Sums, zeroSums } from "../backend.ts";
import { type Arena, addressOf, arenaOf } from "./arena.ts";
import {
  endOf,
  type LoopRunner,
  type LoopSink,
  linkedLoop,
  nothing,
  piecesOf,
  planLoop,
  signatureWith,
  TILE,
  tiledLoop,
  type Variant,
} from "./loops.ts";
import { kernelRun, loopRun, normRun, type PassContext, type PreparedPass, sourceOf } from "./passes.ts";

/** The loops that a group runs in `step()`, or in `update()`; those are linked when it is first called. */
export function signaturesOf(group: GroupProgram, sink: "apply" | "emit" = "apply"): string[] {
  const passes = group.stages.flatMap((stage) => stage.passes);
  return passes.flatMap((pass) => {
    if (pass.kind !== "loop") return [];
    return sinksOf(pass.sink, sink).flatMap((kind) =>
      planLoop(group, pass).variants.map((variant) => signatureWith(variant, endOf(kind))),
    );
  });
}

const sinksOf = (sink: "park" | "result" | number, result: LoopSink): LoopSink[] =>
  typeof sink === "number" ? ["start", "add"] : [sink === "park" ? "park" : result];

/** What the blocks of a group's loops take; `step()` and `update()` have their own. */
const blocksOf = (group: GroupProgram): number =>
  2 *
  group.stages
    .flatMap(({ passes }) => passes)
    .flatMap((pass) => (pass.kind === "loop" ? planLoop(group, pass).variants : []))
    .reduce((sum, { bytes }) => sum + bytes, 0);

/** Where code comes from: linked and compiled here, or in modules that were made ahead. */
export interface CodeSource {
  readonly path: "linked" | "warmed" | "tiles";
  readonly module: WebAssembly.Module | null;
  readonly kernels: WebAssembly.Module | null;
}

/** By slot; those that the group has not are left out. */
function slotAddresses({ slots }: GroupProgram, arena: Arena, group: number): number[] {
  const addresses: number[] = [];
  for (const slot of slots.flat()) addresses[slot] = arena.slots[slot]![group]!;
  return addresses;
}

/** Runs a program over one arena of a WebAssembly memory. */
export class WasmEngine implements Engine {
  readonly backend: BackendInfo;
  readonly #program: Program;
  readonly #arena: Arena;
  readonly #loops: CodeSource;
  readonly #groups: readonly PassContext[];
  readonly #sums: readonly Sums[];
  /** By group, stage and mode: passes with their loops, linked when a mode is first asked for. */
  readonly #prepared: readonly (readonly Partial<Record<Mode, readonly PreparedPass[]>>[])[];
  readonly #keeps: boolean;
  #emits = false;
  #apply: LoopRunner | null = null;
  /** Where the next block begins. */
  #block: number;

  constructor(
    program: Program,
    values: readonly StepValues[],
    loops: CodeSource,
    backend: BackendInfo,
    keepsUpdates: boolean,
  ) {
    this.backend = backend;
    this.#program = program;
    this.#loops = loops;
    this.#keeps = keepsUpdates;
    // No longer than the planes: small arenas share memories.
    const tileBytes = loops.path === "tiles" ? Math.min(TILE, program.layout.live * 4) : 0;
    const blocks = program.groups.reduce((bytes, group) => bytes + blocksOf(group), 0);
    this.#arena = arenaOf(program, { tileBytes, blockBytes: blocks, updates: keepsUpdates }, loops.kernels);
    this.#block = this.#arena.blocks;
    const { leaves } = program.layout;
    this.#sums = zeroSums(program);
    this.#groups = program.groups.map((group, g) => ({
      program: group,
      layout: program.layout.groups[g]!,
      arena: this.#arena,
      heap: this.#arena.heap,
      params: this.#arena.params,
      slots: slotAddresses(group, this.#arena, g),
      step: values[g]!,
      sums: this.#sums,
      leafFactors: group.leafFactors.map((index) => ({ index, factors: new Float64Array(leaves.length) })),
    }));
    this.#prepared = program.groups.map(({ stages }) => stages.map(() => ({})));
    program.slots.forEach(({ initial }, slot) => {
      if (typeof initial === "number" && initial !== 0) for (const span of this.spans(slot)) span.fill(initial);
    });
    this.#prepare("apply");
    if (keepsUpdates && program.groups.length > 0) this.#apply = this.#runner(nothing, "apply", this.#groups[0]!);
  }

  view(id: PlaneId, leaf: LayoutLeaf): Float32Array<ArrayBuffer> | null {
    const address = addressOf(this.#arena, this.#program, id, leaf);
    return address === null ? null : this.#floats(address + leaf.offset * 4, leaf.length);
  }

  spans(id: PlaneId): readonly Float32Array<ArrayBuffer>[] {
    const { layout } = this.#program;
    if (typeof id !== "number") return [this.#floats(this.#arena[id], id === "params" ? layout.size : layout.live)];
    return this.#program.groupsOfSlot[id]!.map((group) => {
      const { begin, end } = layout.groups[group]!;
      return this.#floats(this.#arena.slots[id]![group]! + begin * 4, end - begin);
    });
  }

  begin(sink: "apply" | "emit"): void {
    if (sink === "apply" || this.#emits) return;
    // An engine may refuse by now to compile: then the step has not begun.
    this.#prepare(sink);
    this.#emits = true;
  }

  stage(group: number, stage: number, mode: Mode): void {
    const { layout, leafFactors, step } = this.#groups[group]!;
    const passes = this.#stage(group, stage, mode);
    if (!this.#program.groups[group]!.stages[stage]!.byLeaf) {
      if (layout.end > layout.begin) for (const pass of passes) pass.whole();
    } else {
      for (const leaf of layout.leaves) {
        if (leaf.length === 0) continue;
        for (const { index, factors } of leafFactors) step.values[index] = factors[leaf.index]!;
        for (const pass of passes) pass.leaf(leaf);
      }
    }
    if (this.#keeps && mode === "apply" && stage === this.#program.groups[group]!.stages.length - 1) {
      this.#add(group, this.#arena.updates);
    }
  }

  sums(rule: number): Sums {
    return this.#sums[rule]!;
  }

  squares(id: PlaneId, leaf: LayoutLeaf): number {
    const address = addressOf(this.#arena, this.#program, id, leaf);
    return address === null ? 0 : this.#arena.heap.kernels.sumSquares(address + leaf.offset * 4, leaf.length);
  }

  nonFinite(group: number, source: Source): number {
    const context = this.#groups[group]!;
    const { kernels } = this.#arena.heap;
    const bad = context.layout.leaves.find(
      ({ offset, length }) => kernels.hasNonFinite(sourceOf(context, source, offset * 4) + offset * 4, length) !== 0,
    );
    return bad?.index ?? -1;
  }

  expose(group: number, isActive: boolean): void {
    if (!isActive) this.#zero(group, this.#arena.scratch);
  }

  takeBack(): void {}

  zeroGrads(group: number): void {
    this.#zero(group, this.#arena.grads);
  }

  apply(group: number): void {
    this.#add(group, this.#arena.grads);
  }

  flush(group: number): void {
    const { slots, layout } = this.#groups[group]!;
    for (const slot of this.#program.groups[group]!.slots.flat()) {
      if (!this.#program.slots[slot]!.decays) continue;
      this.#arena.heap.kernels.flush(slots[slot]! + layout.begin * 4, slots[slot]! + layout.end * 4);
    }
  }

  #add(group: number, x: number): void {
    const { begin, end } = this.#program.layout.groups[group]!;
    this.#apply ??= this.#runner(nothing, "apply", this.#groups[group]!);
    if (end > begin) this.#apply.run(x, 0, begin * 4, end * 4);
  }

  #zero(group: number, plane: number): void {
    const { begin, end } = this.#program.layout.groups[group]!;
    this.#floats(plane + begin * 4, end - begin).fill(0);
  }

  #floats(address: number, length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.#arena.heap.buffer, address, length);
  }

  /** What steps of a kind need; of `accumulate` both loops have been compiled then. */
  #prepare(mode: "apply" | "emit"): void {
    this.#program.groups.forEach(({ stages }, group) => {
      stages.forEach(({ barrier }, stage) => {
        this.#stage(group, stage, barrier?.kind === "accumulate" ? "start" : mode);
      });
    });
  }

  #stage(group: number, stage: number, mode: Mode): readonly PreparedPass[] {
    const prepared = this.#prepared[group]![stage]!;
    const known = prepared[mode];
    if (known) return known;
    const block = this.#block;
    try {
      const { passes } = this.#program.groups[group]!.stages[stage]!;
      prepared[mode] = passes.map((pass) => this.#pass(group, pass, mode));
      return prepared[mode];
    } catch (error) {
      // A loop that an engine has no room left for: the next try has the same blocks, none lies behind the arena.
      this.#block = block;
      throw error;
    }
  }

  #pass(group: number, pass: Pass, mode: Mode): PreparedPass {
    const context = this.#groups[group]!;
    if (pass.kind === "norm") return normRun(context, pass);
    if (pass.kind === "kernel") return kernelRun(context, pass);
    const keeps = this.#keeps && mode === "apply";
    const sink = pass.sink === "park" ? "park" : keeps ? "emit" : mode;
    const result = keeps ? "updates" : "grads";
    const out = pass.sink === "park" ? "scratch" : pass.sink === "result" ? result : pass.sink;
    const plan = planLoop(context.program, pass);
    const runners = plan.variants.map((variant) => this.#runner(variant, endOf(sink), context));
    return loopRun(context, pass.source, out, plan, runners);
  }

  #runner(variant: Variant, sink: Sink, room: PassContext): LoopRunner {
    const { heap, tile } = this.#arena;
    const block = this.#block;
    this.#block += variant.bytes;
    const signature = signatureWith(variant, sink);
    const given = this.#loops.module ? heap.given(this.#loops.module) : {};
    if (this.#loops.path === "tiles" && !given[signature]) {
      const pieces = piecesOf(variant, sink, given);
      const missing = pieces.map(({ signature }) => signature).filter((name) => !given[name]);
      if (missing.length > 0) throw new Error(`the module has no loop ${missing.join(", ")}`);
      return tiledLoop(given, pieces, room, block, tile);
    }
    return linkedLoop(given[signature] ?? heap.loop(signature), variant, room, block);
  }
}
