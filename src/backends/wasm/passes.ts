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
  readonly step: StepValues;
  /** By factor: what each leaf has, for later stages. */
  readonly leafFactors: ReadonlyMap<number, Float64Array>;
}

/** One pass: over the whole range, or over single leaves that are not empty; then `finish`, once. */
export interface PreparedPass {
  whole(): void;
  leaf(leaf: LayoutLeaf, at: number): void;
  finish?(): void;
}

/** The plane that x stands in, so that `begin` into it is the leaf. */
const sourcePlane = (context: PassContext, source: Source, begin: number): number =>
  source === "grads" ? context.arena.grads : scratchPlane(context, begin);

/** Where the scratch holds one leaf at a time, its begin is the leaf's: pointers wrap around at 2^32. */
const scratchPlane = ({ program, arena }: PassContext, begin: number): number =>
  program.scratch === "leaf" ? arena.scratch - begin : arena.scratch;

export function loopRun(
  context: PassContext,
  source: Source,
  out: "grads" | "scratch",
  plan: LoopPlan,
  runners: readonly LoopRunner[],
): PreparedPass {
  const { layout, arena, program, step } = context;
  const range = (begin: number, end: number): void => {
    const runner = runners[variantAt(plan, program, step)]!;
    runner.set(step.values);
    const target = out === "grads" ? arena.grads : scratchPlane(context, begin);
    runner.run(sourcePlane(context, source, begin), target, begin, end);
  };
  return {
    whole: () => range(0, layout.size * 4),
    leaf: ({ offset, length }) => range(offset * 4, (offset + padded(length)) * 4),
  };
}

export function normRun(context: PassContext, pass: Extract<Pass, { kind: "norm" }>): PreparedPass {
  const { layout, arena, step, leafFactors } = context;
  const { kernels } = arena.heap;
  const { entry, form } = pass;
  let updates = 0;
  let params = 0;

  /** Σ (a·x + b·p)²; without b the factor is taken out of the sum. */
  const squares = (x: number, begin: number, length: number): number => {
    const factor = evaluate(form.a, step.values, 1);
    if (!form.b) return factor * factor * kernels.sumSquares(x, length);
    return kernels.sumSquaresDecayed(x, arena.params + begin, length, factor, evaluate(form.b, step.values, 0));
  };
  /** Turns the sums into the factor, and starts them anew. */
  const settle = (): number => {
    const norms = { updates: Math.sqrt(updates), params: Math.sqrt(params) };
    updates = 0;
    params = 0;
    const factor = entry.factor(step.options[pass.rule], norms);
    step.values[pass.factor] = factor;
    return factor;
  };
  const leaf = ({ offset, length }: LayoutLeaf, at: number): void => {
    const begin = offset * 4;
    updates += squares(sourcePlane(context, pass.source, begin) + begin, begin, length);
    if (entry.params) params += kernels.sumSquares(arena.params + begin, length);
    if (entry.scope === "leaf") leafFactors.get(pass.factor)![at] = settle();
  };
  return {
    whole: () => layout.leaves.forEach(leaf),
    leaf,
    finish: () => {
      if (entry.scope === "tree") settle();
    },
  };
}

export function kernelRun(context: PassContext, pass: Extract<Pass, { kind: "kernel" }>): PreparedPass {
  const { arena, step } = context;
  const { kernels } = arena.heap;
  const scalar = (name: string) => step.values[pass.scalars.get(name)!]!;
  return {
    // A kernel wants a leaf: its stage runs leaf by leaf.
    whole() {},
    leaf({ offset, length, shape, hash }) {
      const begin = offset * 4;
      const out = scratchPlane(context, begin) + begin;
      const x = sourcePlane(context, pass.source, begin) + begin;
      const a = evaluate(pass.a, step.values, 1);
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
    },
  };
}
