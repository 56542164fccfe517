// The passes of a program, ready to run over one arena.

import { evaluate } from "../../program/form.js";
import type { Pass, Program, Source } from "../../program/program.js";
import type { StepValues } from "../../program/values.js";
import { type Layout, type LayoutLeaf, padded } from "../../tree/layout.js";
import type { Arena } from "./arena.js";
import { type LoopPlan, type LoopRunner, variantAt } from "./loops.js";

/** What all passes of an optimizer share. */
export interface PassContext {
  readonly program: Program;
  readonly layout: Layout;
  readonly arena: Arena;
  /** Set before a step runs. */
  step: StepValues;
  /** By factor: what each leaf has, for later stages. */
  readonly leafFactors: ReadonlyMap<number, Float64Array>;
}

/** One pass: over the whole range, or over single leaves that are not empty; then `finish`, once. */
export interface PreparedPass {
  whole(): void;
  leaf(leaf: LayoutLeaf, at: number): void;
  finish(): void;
}

/** The plane that x stands in, so that `begin` into it is the leaf. */
const sourcePlane = (context: PassContext, source: Source, begin: number): number =>
  source === "grads" ? context.arena.grads : scratchPlane(context, begin);

/** Where the scratch holds one leaf at a time, its begin is the leaf's: pointers wrap around at 2^32. */
const scratchPlane = ({ program, arena }: PassContext, begin: number): number =>
  program.scratch === "leaf" ? arena.scratch - begin : arena.scratch;

export class LoopRun implements PreparedPass {
  constructor(
    readonly context: PassContext,
    readonly source: Source,
    readonly out: "grads" | "scratch",
    readonly plan: LoopPlan,
    readonly runners: readonly LoopRunner[],
  ) {}

  whole(): void {
    this.#range(0, this.context.layout.size * 4);
  }

  leaf({ offset, length }: LayoutLeaf): void {
    this.#range(offset * 4, (offset + padded(length)) * 4);
  }

  finish(): void {}

  #range(begin: number, end: number): void {
    const { context } = this;
    const runner = this.runners[variantAt(this.plan, context.program, context.step)]!;
    runner.set(context.step.values);
    const out = this.out === "grads" ? context.arena.grads : scratchPlane(context, begin);
    runner.run(sourcePlane(context, this.source, begin), out, begin, end);
  }
}

export class NormRun implements PreparedPass {
  #updates = 0;
  #params = 0;

  constructor(
    readonly context: PassContext,
    readonly pass: Extract<Pass, { kind: "norm" }>,
  ) {}

  whole(): void {
    const { leaves } = this.context.layout;
    for (let i = 0; i < leaves.length; i++) this.leaf(leaves[i]!, i);
  }

  leaf(leaf: LayoutLeaf, at: number): void {
    const { context, pass } = this;
    const { arena, step } = context;
    const begin = leaf.offset * 4;
    this.#updates += this.#squares(sourcePlane(context, pass.source, begin) + begin, begin, leaf.length);
    if (pass.entry.params) this.#params += arena.heap.kernels.sumSquares(arena.params + begin, leaf.length);
    if (pass.entry.scope === "leaf") context.leafFactors.get(pass.factor)![at] = this.#factor(step);
  }

  finish(): void {
    if (this.pass.entry.scope === "tree") this.#factor(this.context.step);
  }

  /** Turns the sums into the factor, and starts them anew. */
  #factor(step: StepValues): number {
    const norms = { updates: Math.sqrt(this.#updates), params: Math.sqrt(this.#params) };
    this.#updates = 0;
    this.#params = 0;
    const factor = this.pass.entry.factor(step.options[this.pass.rule], norms);
    step.values[this.pass.factor] = factor;
    return factor;
  }

  /** Σ (a·x + b·p)²; without b the factor is taken out of the sum. */
  #squares(x: number, begin: number, length: number): number {
    const { arena, step } = this.context;
    const { a, b } = this.pass.form;
    const factor = evaluate(a, step.values, 1);
    if (!b) return factor * factor * arena.heap.kernels.sumSquares(x, length);
    const decay = evaluate(b, step.values, 0);
    return arena.heap.kernels.sumSquaresDecayed(x, arena.params + begin, length, factor, decay);
  }
}

export class KernelRun implements PreparedPass {
  constructor(
    readonly context: PassContext,
    readonly pass: Extract<Pass, { kind: "kernel" }>,
  ) {}

  /** A kernel wants a leaf: its stage runs leaf by leaf. */
  whole(): void {}

  leaf({ offset, length, shape, hash }: LayoutLeaf): void {
    const { context, pass } = this;
    const { step, arena } = context;
    const { kernels } = arena.heap;
    const begin = offset * 4;
    const out = scratchPlane(context, begin) + begin;
    const x = sourcePlane(context, pass.source, begin) + begin;
    const a = evaluate(pass.a, step.values, 1);
    const scalar = (name: string) => step.values[pass.scalars.get(name)!]!;
    switch (pass.entry.kernel) {
      case "centralize": {
        const rows = shape.length > 1 ? shape[0]! : 1;
        kernels.centralize(out, x, rows, length / rows, shape.length > 1 ? 1 : 0, a);
        break;
      }
      case "addNoise": {
        const key = [scalar("key0"), scalar("key1")] as const;
        kernels.addNoise(out, x, length, a, scalar("sigma"), ...key, hash, step.step, pass.rule);
        break;
      }
      default:
        pass.entry.kernel satisfies never;
    }
  }

  finish(): void {}
}
