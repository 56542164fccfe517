// The passes of a group, ready to run over one arena.

import type { GroupProgram, Pass, Source } from "../../program/compile.ts";
import { evaluate } from "../../program/form.ts";
import type { StepValues } from "../../program/values.ts";
import { type LayoutGroup, type LayoutLeaf, padded } from "../../tree/layout.ts";
import type { Sums } from "../backend.ts";
import type { Arena } from "./arena.ts";
import { type LoopPlan, type LoopRunner, type Room, variantAt } from "./loops.ts";

/** What all passes of a group share. */
export interface PassContext extends Room {
  readonly program: GroupProgram;
  readonly layout: LayoutGroup;
  readonly arena: Arena;
  readonly step: StepValues;
  /** By rule, for those that sum up. */
  readonly sums: readonly Sums[];
  /** By factor: what each leaf has, for later stages. */
  readonly leafFactors: readonly { readonly index: number; readonly factors: Float64Array }[];
}

/** One pass: over the whole range, or over single leaves that are not empty. */
export interface PreparedPass {
  whole(): void;
  leaf(leaf: LayoutLeaf): void;
}

/** The plane that x stands in, so that `begin` into it is the leaf. */
export function sourceOf(context: PassContext, source: Source, begin: number): number {
  if (typeof source === "number") return context.slots[source]!;
  return source === "grads" ? context.arena.grads : scratchPlane(context, begin);
}

/** Where the scratch holds one leaf at a time, its begin is the leaf's: pointers wrap around at 2^32. */
const scratchPlane = ({ program, arena }: PassContext, begin: number): number =>
  program.scratch === "leaf" ? arena.leafScratch - begin : arena.scratch;

export function loopRun(
  context: PassContext,
  source: Source,
  out: "grads" | "scratch" | "updates" | number,
  plan: LoopPlan,
  runners: readonly LoopRunner[],
): PreparedPass {
  const { layout, arena, program, slots, step } = context;
  const range = (begin: number, end: number): void => {
    const runner = runners[variantAt(plan, program, step)]!;
    runner.set(step.values);
    const target =
      typeof out === "number" ? slots[out]! : out === "scratch" ? scratchPlane(context, begin) : arena[out];
    runner.run(sourceOf(context, source, begin), target, begin, end);
  };
  return {
    whole: () => range(layout.begin * 4, layout.end * 4),
    leaf: ({ offset, length }) => range(offset * 4, (offset + padded(length)) * 4),
  };
}

export function normRun(context: PassContext, pass: Extract<Pass, { kind: "norm" }>): PreparedPass {
  const { layout, arena, step, leafFactors } = context;
  const { kernels } = arena.heap;
  const { settles, form, order } = pass;
  const sums = context.sums[pass.owner]!;
  const wantsParams = (step.rules[pass.rule]!.rule as { params?: boolean }).params === true;

  /** Σ (a·x + b·p)², or the largest |a·x|; without b the factor is taken out of the sum. */
  const sum = (x: number, begin: number, length: number): number => {
    const factor = evaluate(form.a, step.values, 1);
    if (order !== 2) return Math.abs(factor) * kernels.maxMagnitude(x, length);
    if (!form.b) return factor * factor * kernels.sumSquares(x, length);
    return kernels.sumSquaresDecayed(x, arena.params + begin, length, factor, evaluate(form.b, step.values, 0));
  };
  const root = (total: number) => (order === 2 ? Math.sqrt(total) : total);
  const leaf = ({ offset, length, index }: LayoutLeaf): void => {
    const begin = offset * 4;
    sums.updates[index] = sum(sourceOf(context, pass.source, begin) + begin, begin, length);
    if (wantsParams) {
      const p = arena.params + begin;
      sums.params[index] = order === 2 ? kernels.sumSquares(p, length) : kernels.maxMagnitude(p, length);
    }
    if (!settles) return;
    const norms = { updates: root(sums.updates[index]), params: root(sums.params[index]!) };
    const factor = settles.entry.factor(step.options[pass.rule], norms);
    step.values[settles.factor] = factor;
    leafFactors.find((each) => each.index === settles.factor)!.factors[index] = factor;
  };
  return { whole: () => layout.leaves.forEach(leaf), leaf };
}

export function kernelRun(context: PassContext, pass: Extract<Pass, { kind: "kernel" }>): PreparedPass {
  const { arena, step } = context;
  const { entry, rule, scalars } = pass;
  const kernel = arena.heap.kernel(entry);
  return {
    // A kernel wants a leaf: its stage runs leaf by leaf.
    whole() {},
    leaf(leaf) {
      const begin = leaf.offset * 4;
      const out = scratchPlane(context, begin) + begin;
      const x = sourceOf(context, pass.source, begin) + begin;
      const a = evaluate(pass.a, step.values, 1);
      const own = [...scalars.values()].map((index) => step.values[index]!);
      kernel(out, x, ...entry.arguments(a, leaf, own, step.steps[rule]!, step.rules[rule]!.index));
    },
  };
}
