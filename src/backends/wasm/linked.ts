// A program, ready to run over the arenas of one memory: what its optimizers share there, as they may be thousands.

import { CELL } from "../../link/link.ts";
import type { Sink } from "../../link/signature.ts";
import { once } from "../../once.ts";
import type { Pass, Source } from "../../program/compile.ts";
import type { Program } from "../../program/program.ts";
import type { Mode } from "../backend.ts";
import { type Arena, arenaOf } from "./arena.ts";
import type { Heap, Loop } from "./heap.ts";
import {
  endOf,
  kernelBefore,
  type LoopPlan,
  loopsOf,
  nothing,
  piecesOf,
  planLoop,
  signatureWith,
  TILE,
  tiledLoop,
  type Variant,
} from "./loops.ts";
import { kernelRun, loopRun, normRun, type PassContext, type PreparedPass, rowRun } from "./passes.ts";

/** What optimizers of a program run, where all of them have the same of it. */
export interface Code {
  readonly program: Program;
  /** Where loops come from: linked and compiled here, or in a module that was made ahead. */
  readonly path: "linked" | "warmed" | "tiles";
  readonly module: WebAssembly.Module | null;
  readonly keepsUpdates: boolean;
  readonly arena: Arena;
}

const last = new WeakMap<Program, Code>();

/** @throws RangeError with the bytes of every plane, if no memory can hold them */
export function codeOf(
  program: Program,
  path: Code["path"],
  module: WebAssembly.Module | null,
  keepsUpdates: boolean,
): Code {
  const known = last.get(program);
  if (known?.path === path && known.module === module && known.keepsUpdates === keepsUpdates) return known;
  // No longer than the planes: small arenas share memories.
  const tileBytes = path === "tiles" ? Math.min(TILE, program.layout.live * 4) : 0;
  const blocks = program.groups.flatMap((group) => loopsOf(group).flatMap(({ variants }) => variants));
  const blockBytes = blocks.reduce((sum, { bytes }) => sum + bytes, 0);
  const arena = arenaOf(program, keepsUpdates, tileBytes, blockBytes);
  const code = { program, path, module, keepsUpdates, arena };
  last.set(program, code);
  return code;
}

/** Code that is ready to run over the arenas of one memory. */
export class LinkedProgram {
  readonly heap: Heap;
  readonly code: Code;
  readonly groups: readonly PassContext[];
  /** By group, stage and mode: passes with their loops, linked when a mode is first asked for. */
  readonly #prepared: readonly (readonly Partial<Record<Mode, readonly PreparedPass[]>>[])[];
  /** Where each loop has its block, and of which group it is. */
  readonly #blocks = new Map<Variant, { readonly block: number; readonly group: number }>();

  constructor(heap: Heap, code: Code) {
    const { program, arena } = code;
    this.heap = heap;
    this.code = code;
    let block = arena.blocks;
    this.groups = program.groups.map((own, group): PassContext => {
      for (const { variants } of loopsOf(own)) {
        for (const variant of variants) {
          this.#blocks.set(variant, { block, group });
          block += variant.bytes;
        }
      }
      return { program: own, layout: program.layout.groups[group]!, heap, arena, group };
    });
    this.#prepared = program.groups.map(({ stages }) => stages.map(() => ({})));
    this.prepare("apply");
  }

  /** An arena begins: its blocks hold the pointers of its slots for good, and constants from step to step. */
  enter(base: number): void {
    for (const [{ slots }, { block, group }] of this.#blocks) {
      for (const { cell, slot } of slots) {
        this.heap.pointers[(base + block) / CELL + cell] = base + this.code.arena.slots[slot]![group]!;
      }
    }
  }

  /** What steps of a kind need; of `accumulate` both loops have been compiled then. */
  prepare(mode: "apply" | "emit"): void {
    for (const action of this.code.program.actions) {
      if (action.kind !== "stage") continue;
      const { barrier } = this.code.program.groups[action.group]!.stages[action.stage]!;
      this.stage(action.group, action.stage, barrier?.kind === "accumulate" ? "start" : mode);
    }
    if (this.code.keepsUpdates) this.addition();
  }

  stage(group: number, stage: number, mode: Mode): readonly PreparedPass[] {
    const prepared = this.#prepared[group]![stage]!;
    const { passes } = this.code.program.groups[group]!.stages[stage]!;
    prepared[mode] ??= passes.flatMap((_, i) => this.#pass(group, passes, i, mode) ?? []);
    return prepared[mode];
  }

  /** p ← p + x, which has no block. */
  addition(): Loop {
    return this.#loop(nothing, "apply");
  }

  /** @returns undefined for a kernel that stands with the loop behind it */
  #pass(group: number, passes: readonly Pass[], i: number, mode: Mode): PreparedPass | undefined {
    const context = this.groups[group]!;
    const pass = passes[i]!;
    if (pass.kind === "norm") return normRun(context, pass);
    if (pass.kind === "kernel") return kernelBefore(passes, i + 1) ? undefined : kernelRun(context, pass);
    const keeps = this.code.keepsUpdates && mode === "apply";
    const sink = endOf(pass.sink === "park" ? "park" : keeps ? "emit" : mode);
    const result = keeps ? "updates" : "grads";
    const out = pass.sink === "park" ? "scratch" : pass.sink === "result" ? result : pass.sink;
    const run = (plan: LoopPlan, source: Source) => {
      const loops = plan.variants.map((variant) => {
        return { loop: this.#loop(variant, sink), ...this.#blocks.get(variant)! };
      });
      return loopRun(context, source, out, plan, loops);
    };
    const apart = run(planLoop(context.program, pass), pass.source);
    const kernel = kernelBefore(passes, i);
    if (!kernel) return apart;
    const byRow = planLoop(context.program, pass, kernel);
    // Tiles are not rows.
    const isThere = byRow.variants.every((variant) => this.#whole(variant, sink));
    return rowRun(
      kernel.entry.byRow!.row,
      [kernelRun(context, kernel), apart],
      isThere ? run(byRow, kernel.source) : null,
    );
  }

  #loop(variant: Variant, sink: Sink): Loop {
    const whole = this.#whole(variant, sink);
    if (whole) return whole;
    const given = this.heap.given(this.code.module!);
    const pieces = piecesOf(variant, sink, given);
    const missing = pieces.map(({ signature }) => signature).filter((name) => !given[name]);
    if (missing.length > 0) throw new Error(`the module has no loop ${missing.join(", ")}`);
    return tiledLoop(given, pieces, this.code.arena.tile);
  }

  /** As one loop; undefined where it would have to be linked and nothing may be compiled. */
  #whole(variant: Variant, sink: Sink): Loop | undefined {
    const { heap, code } = this;
    const signature = signatureWith(variant, sink);
    const given = code.module ? heap.given(code.module)[signature] : undefined;
    return given ?? (code.path === "tiles" ? undefined : heap.loop(signature));
  }
}

/** What all optimizers share that have the same code, and stand in one memory. */
export const linkedIn = once((heap: Heap) => once((code: Code) => new LinkedProgram(heap, code)));
