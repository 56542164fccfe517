import { evaluate, type Form } from "../../program/form.js";
import type { Pass, Program, Source, Stage } from "../../program/program.js";
import type { StepValues } from "../../program/values.js";
import type { Layout, LayoutLeaf } from "../../tree/layout.js";
import { padded } from "../../tree/layout.js";
import { type BackendInfo, type Engine, FLUSH_INTERVAL, type PlaneId } from "../backend.js";
import { arenaOf } from "./arena.js";
import type { Heap } from "./heap.js";
import {
  type LoopPass,
  type LoopPlan,
  type LoopRunner,
  type LoopSink,
  linkedLoop,
  planLoop,
  TILE,
  tiledLoop,
  tileSignatures,
  type Variant,
  variantAt,
} from "./loops.js";

/** A loop pass with a runner for each choice of bodies. */
interface Runners {
  readonly plan: LoopPlan;
  readonly runners: readonly LoopRunner[];
}

const APPLY: Variant = { signature: "apply", steps: [] };

/** The loops that `step()` of a program runs. Those of `update()` are linked when it is first called. */
export function signaturesOf(program: Program): string[] {
  const passes = program.stages.flatMap((stage) => (stage.kind === "passes" ? stage.passes : []));
  const loops = passes.filter((pass) => pass.kind === "loop");
  return loops
    .flatMap((pass) => planLoop(program, pass, pass.sink === "park" ? "park" : "apply").variants)
    .map(({ signature }) => signature);
}

/** Where loops come from: linked here, or in a module that was linked ahead. */
export interface LoopSource {
  readonly path: "linked" | "warmed" | "tiles";
  readonly module: WebAssembly.Module | null;
}

/** Runs a program over one arena of a WebAssembly memory. */
export class WasmEngine implements Engine {
  readonly backend: BackendInfo;
  readonly #program: Program;
  readonly #layout: Layout;
  readonly #loops: LoopSource;
  readonly #heap: Heap;
  /** Bytes of one plane. */
  readonly #bytes: number;
  readonly #params: number;
  readonly #grads: number;
  readonly #slots: readonly number[];
  readonly #scratch: number;
  readonly #tile: number;
  readonly #runners = new Map<LoopPass | "apply", Partial<Record<LoopSink, Runners>>>();
  /** By factor: what each leaf has, for later stages. */
  readonly #leafFactors: ReadonlyMap<number, Float64Array>;

  constructor(program: Program, layout: Layout, loops: LoopSource, reason: string) {
    this.backend = { name: "wasm", path: loops.path, reason };
    this.#program = program;
    this.#layout = layout;
    this.#loops = loops;
    const arena = arenaOf(program, layout, loops.path === "tiles" ? TILE : 0);
    this.#heap = arena.heap;
    this.#bytes = layout.size * 4;
    this.#params = arena.params;
    this.#grads = arena.grads;
    this.#slots = arena.slots;
    this.#scratch = arena.scratch;
    this.#tile = arena.tile;
    this.#leafFactors = new Map(program.leafFactors.map((index) => [index, new Float64Array(layout.leaves.length)]));
    program.slots.forEach(({ initial }, i) => {
      if (initial !== 0) this.plane(i).fill(initial);
    });
    this.#passes("apply");
  }

  plane(id: PlaneId): Float32Array<ArrayBuffer> {
    const base =
      typeof id === "number"
        ? this.#slots[id]!
        : { params: this.#params, grads: this.#grads, scratch: this.#scratch }[id];
    return new Float32Array(this.#heap.buffer, base, this.#layout.size);
  }

  run(step: StepValues, sink: "apply" | "emit", custom: (rule: number) => void): void {
    if (sink === "emit") this.#passes("emit");
    for (const stage of this.#program.stages) {
      if (stage.kind === "custom") custom(stage.rule);
      else this.#stage(stage, step, sink);
    }
    if ((step.step + 1) % FLUSH_INTERVAL === 0) {
      this.#program.slots.forEach(({ decays }, i) => {
        if (decays) this.#heap.kernels.flush(this.#slots[i]!, this.#slots[i]! + this.#bytes);
      });
    }
  }

  apply(): void {
    if (this.#bytes === 0) return;
    this.#runnersOf("apply", "apply").runners[0]!.run(this.#grads, 0, 0, this.#bytes);
  }

  #stage({ byLeaf, passes }: Extract<Stage, { kind: "passes" }>, step: StepValues, sink: "apply" | "emit"): void {
    const norms = passes.map(() => ({ updates: 0, params: 0 }));
    if (byLeaf) {
      this.#layout.leaves.forEach((leaf, at) => {
        if (leaf.length === 0) return;
        for (const [index, factors] of this.#leafFactors) step.values[index] = factors[at]!;
        const begin = leaf.offset * 4;
        passes.forEach((pass, i) => {
          if (pass.kind === "loop") this.#loop(pass, step, sink, begin, begin + padded(leaf.length) * 4);
          else if (pass.kind === "kernel") this.#kernel(pass, step, leaf);
          else if (pass.entry.scope === "tree") this.#addNorms(norms[i]!, pass, step.values, leaf);
          else {
            const own = { updates: 0, params: 0 };
            this.#addNorms(own, pass, step.values, leaf);
            this.#leafFactors.get(pass.factor)![at] = step.values[pass.factor] = factorOf(pass, step, own);
          }
        });
      });
    } else if (this.#bytes > 0) {
      passes.forEach((pass, i) => {
        if (pass.kind === "loop") this.#loop(pass, step, sink, 0, this.#bytes);
        else if (pass.kind === "norm") {
          for (const leaf of this.#layout.leaves) this.#addNorms(norms[i]!, pass, step.values, leaf);
        }
      });
    }
    passes.forEach((pass, i) => {
      if (pass.kind === "norm" && pass.entry.scope === "tree")
        step.values[pass.factor] = factorOf(pass, step, norms[i]!);
    });
  }

  #loop(pass: LoopPass, step: StepValues, sink: "apply" | "emit", begin: number, end: number): void {
    const kind = pass.sink === "park" ? "park" : sink;
    const { plan, runners } = this.#runnersOf(pass, kind);
    const runner = runners[variantAt(plan, this.#program, step)]!;
    runner.set(step.values);
    runner.run(this.#source(pass.source, begin), kind === "emit" ? this.#grads : this.#parked(begin), begin, end);
  }

  #kernel(pass: Extract<Pass, { kind: "kernel" }>, step: StepValues, leaf: LayoutLeaf): void {
    const { kernels } = this.#heap;
    const { length, shape, hash } = leaf;
    const begin = leaf.offset * 4;
    const out = this.#parked(begin) + begin;
    const x = this.#source(pass.source, begin) + begin;
    const a = evaluate(pass.a, step.values, 1);
    const scalar = (name: string) => step.values[pass.scalars.get(name)!]!;
    switch (pass.entry.kernel) {
      case "centralize": {
        const rows = shape.length > 1 ? shape[0]! : 1;
        kernels.centralize(out, x, rows, length / rows, shape.length > 1 ? 1 : 0, a);
        break;
      }
      case "addNoise":
        kernels.addNoise(
          out,
          x,
          length,
          a,
          scalar("sigma"),
          scalar("key0"),
          scalar("key1"),
          hash,
          step.step,
          pass.rule,
        );
        break;
      default:
        pass.entry.kernel satisfies never;
    }
  }

  /** Adds the squares of a leaf; under `norms` stand sums until {@link factorOf}. */
  #addNorms(
    norms: { updates: number; params: number },
    pass: Extract<Pass, { kind: "norm" }>,
    values: Float64Array,
    leaf: LayoutLeaf,
  ): void {
    const begin = leaf.offset * 4;
    norms.updates += this.#squares(this.#source(pass.source, begin) + begin, begin, leaf.length, pass.form, values);
    if (pass.entry.params) norms.params += this.#heap.kernels.sumSquares(this.#params + begin, leaf.length);
  }

  #squares(x: number, begin: number, length: number, { a, b }: Form, values: Float64Array): number {
    const { kernels } = this.#heap;
    const factor = evaluate(a, values, 1);
    if (!b) return factor * factor * kernels.sumSquares(x, length);
    return kernels.sumSquaresDecayed(x, this.#params + begin, length, factor, evaluate(b, values, 0));
  }

  /** The plane that x stands in, so that `begin` into it is the leaf. */
  #source(source: Source, begin: number): number {
    return source === "grads" ? this.#grads : this.#parked(begin);
  }

  /** Where the scratch holds one leaf at a time, its begin is the leaf's: pointers wrap around at 2^32. */
  #parked(begin: number): number {
    return this.#program.scratch === "leaf" ? this.#scratch - begin : this.#scratch;
  }

  /** Links what a step with this sink runs, if it was not. */
  #passes(sink: "apply" | "emit"): void {
    for (const stage of this.#program.stages) {
      if (stage.kind === "custom") continue;
      for (const pass of stage.passes) {
        if (pass.kind === "loop") this.#runnersOf(pass, pass.sink === "park" ? "park" : sink);
      }
    }
    if (sink === "emit") this.#runnersOf("apply", "apply");
  }

  #runnersOf(pass: LoopPass | "apply", sink: LoopSink): Runners {
    const bySink = this.#runners.get(pass) ?? {};
    this.#runners.set(pass, bySink);
    const known = bySink[sink];
    if (known) return known;
    const plan = pass === "apply" ? { variants: [APPLY], choices: [] } : planLoop(this.#program, pass, sink);
    const runners = { plan, runners: plan.variants.map((variant) => this.#runner(variant)) };
    bySink[sink] = runners;
    return runners;
  }

  #runner(variant: Variant): LoopRunner {
    const given = this.#loops.module ? this.#heap.given(this.#loops.module) : {};
    if (this.#loops.path === "tiles" && !given[variant.signature]) {
      const missing = tileSignatures(variant).filter((signature) => !given[signature]);
      if (missing.length > 0) throw new Error(`the module has no loop ${missing.join(", ")}`);
      return tiledLoop(given, variant, this.#params, this.#slots, this.#tile);
    }
    const loop = given[variant.signature] ?? this.#heap.loop(variant.signature);
    return linkedLoop(loop, variant, this.#params, this.#slots);
  }
}

/** The factor of a norm rule from the sums of squares. */
function factorOf(
  { entry, rule }: Extract<Pass, { kind: "norm" }>,
  step: StepValues,
  squares: { updates: number; params: number },
): number {
  return entry.factor(step.options[rule], {
    updates: Math.sqrt(squares.updates),
    params: Math.sqrt(squares.params),
  });
}
