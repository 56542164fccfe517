import type { Program } from "../../program/program.js";
import type { StepValues } from "../../program/values.js";
import type { Layout } from "../../tree/layout.js";
import { type BackendInfo, type Engine, FLUSH_INTERVAL, type PlaneId } from "../backend.js";
import { arenaOf } from "./arena.js";
import { type LoopRunner, linkedLoop, planLoop, TILE, tiledLoop, tileSignatures, type Variant } from "./loops.js";
import { kernelRun, loopRun, normRun, type PassContext, type PreparedPass } from "./passes.js";

const APPLY: Variant = { signature: "apply", steps: [] };

/** The loops that `step()` of a program runs, or its `update()`; those are linked when it is first called. */
export function signaturesOf(program: Program, sink: "apply" | "emit" = "apply"): string[] {
  const passes = program.stages.flatMap((stage) => (stage.kind === "passes" ? stage.passes : []));
  return passes.flatMap((pass) => {
    if (pass.kind !== "loop") return [];
    const { variants } = planLoop(program, pass, pass.sink === "park" ? "park" : sink);
    return variants.map(({ signature }) => signature);
  });
}

/** Where code comes from: linked and compiled here, or in modules that were made ahead. */
export interface CodeSource {
  readonly path: "linked" | "warmed" | "tiles";
  readonly module: WebAssembly.Module | null;
  readonly kernels: WebAssembly.Module | null;
}

/** A stage of the program; of a user's function, the rule. */
type PreparedStage = { readonly byLeaf: boolean; readonly passes: readonly PreparedPass[] } | number;

/** Runs a program over one arena of a WebAssembly memory. */
export class WasmEngine implements Engine {
  readonly backend: BackendInfo;
  readonly #context: PassContext;
  readonly #loops: CodeSource;
  readonly #stages: Partial<Record<"apply" | "emit", readonly PreparedStage[]>> = {};
  #apply: LoopRunner | null = null;

  constructor(program: Program, layout: Layout, step: StepValues, loops: CodeSource, reason: string) {
    this.backend = { name: "wasm", path: loops.path, reason };
    this.#loops = loops;
    this.#context = {
      program,
      layout,
      step,
      arena: arenaOf(program, layout, loops.path === "tiles" ? TILE : 0, loops.kernels),
      leafFactors: new Map(program.leafFactors.map((index) => [index, new Float64Array(layout.leaves.length)])),
    };
    program.slots.forEach(({ initial }, i) => {
      if (initial !== 0) this.plane(i).fill(initial);
    });
    this.#prepared("apply");
  }

  plane(id: PlaneId): Float32Array<ArrayBuffer> {
    const { arena, layout } = this.#context;
    return new Float32Array(arena.heap.buffer, typeof id === "number" ? arena.slots[id]! : arena[id], layout.size);
  }

  run(sink: "apply" | "emit", custom: (rule: number) => void): void {
    const { step } = this.#context;
    for (const stage of this.#prepared(sink)) {
      if (typeof stage === "number") custom(stage);
      else this.#runStage(stage);
    }
    if ((step.step + 1) % FLUSH_INTERVAL === 0) this.#flush();
  }

  apply(): void {
    const { arena, layout } = this.#context;
    this.#apply ??= this.#runner(APPLY);
    if (layout.size > 0) this.#apply.run(arena.grads, 0, 0, layout.size * 4);
  }

  #runStage({ byLeaf, passes }: Exclude<PreparedStage, number>): void {
    const { layout, leafFactors, step } = this.#context;
    if (!byLeaf) {
      if (layout.size > 0) for (const pass of passes) pass.whole();
    } else {
      for (let at = 0; at < layout.leaves.length; at++) {
        const leaf = layout.leaves[at]!;
        if (leaf.length === 0) continue;
        for (const [index, factors] of leafFactors) step.values[index] = factors[at]!;
        for (const pass of passes) pass.leaf(leaf, at);
      }
    }
    for (const pass of passes) pass.finish?.();
  }

  #flush(): void {
    const { arena, layout, program } = this.#context;
    program.slots.forEach(({ decays }, i) => {
      if (decays) arena.heap.kernels.flush(arena.slots[i]!, arena.slots[i]! + layout.size * 4);
    });
  }

  /** The stages with their loops, linked when a sink is first asked for. */
  #prepared(sink: "apply" | "emit"): readonly PreparedStage[] {
    this.#stages[sink] ??= this.#context.program.stages.map((stage): PreparedStage => {
      if (stage.kind === "custom") return stage.rule;
      const passes = stage.passes.map((pass): PreparedPass => {
        if (pass.kind === "norm") return normRun(this.#context, pass);
        if (pass.kind === "kernel") return kernelRun(this.#context, pass);
        const kind = pass.sink === "park" ? "park" : sink;
        const plan = planLoop(this.#context.program, pass, kind);
        const runners = plan.variants.map((variant) => this.#runner(variant));
        return loopRun(this.#context, pass.source, kind === "emit" ? "grads" : "scratch", plan, runners);
      });
      return { byLeaf: stage.byLeaf, passes };
    });
    return this.#stages[sink];
  }

  #runner(variant: Variant): LoopRunner {
    const { heap, params, slots, tile } = this.#context.arena;
    const given = this.#loops.module ? heap.given(this.#loops.module) : {};
    if (this.#loops.path === "tiles" && !given[variant.signature]) {
      const missing = tileSignatures(variant).filter((signature) => !given[signature]);
      if (missing.length > 0) throw new Error(`the module has no loop ${missing.join(", ")}`);
      return tiledLoop(given, variant, params, slots, tile);
    }
    return linkedLoop(given[variant.signature] ?? heap.loop(variant.signature), variant, params, slots);
  }
}
