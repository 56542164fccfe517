// The passes of a group, ready to run over one arena.

import { CELL } from "../../link/link.ts";
import type { GroupProgram, Pass, Source } from "../../program/compile.ts";
import { evaluate, type Values } from "../../program/form.ts";
import type { StepValues } from "../../program/values.ts";
import { type LayoutGroup, type LayoutLeaf, padded } from "../../tree/layout.ts";
import type { Sums } from "../backend.ts";
import type { Arena } from "./arena.ts";
import type { Heap, Loop } from "./heap.ts";
import { type LoopPlan, setConstants, variantAt } from "./loops.ts";

/** What all passes of a group share, of all optimizers whose planes stand in one memory. */
export interface PassContext {
  readonly program: GroupProgram;
  readonly layout: LayoutGroup;
  readonly heap: Heap;
  readonly arena: Arena;
  readonly group: number;
}

/** What one optimizer has of its own. */
export interface Room {
  /** Where its arena begins. */
  readonly base: number;
  /** By rule, for those that sum up. */
  readonly sums: readonly Sums[];
}

/** One pass: over the whole range, or over single leaves that are not empty. */
export interface PreparedPass {
  whole(room: Room, step: StepValues): void;
  leaf(room: Room, step: StepValues, leaf: LayoutLeaf): void;
}

/** Where a plane stands, so that `begin` into it is the leaf. */
export function planeOf(context: PassContext, { base }: Room, plane: Source | "updates", begin: number): number {
  const { program, arena, group } = context;
  if (typeof plane === "number") return base + arena.slots[plane]![group]!;
  // Where the scratch holds one leaf at a time, its begin is the leaf's: pointers wrap around at 2^32.
  const byLeaf = plane === "scratch" && program.scratch === "leaf";
  return base + (byLeaf ? arena.leafScratch - begin : arena[plane]);
}

/** @param loops by variant, and where each has its block in an arena */
export function loopRun(
  context: PassContext,
  source: Source,
  out: Source | "updates",
  plan: LoopPlan,
  loops: readonly { readonly loop: Loop; readonly block: number }[],
): PreparedPass {
  const { layout, program, heap } = context;
  const byRow = plan.variants[0]!.kernel?.entry.byRow;
  const range = (room: Room, step: StepValues, begin: number, end: number, row = 0): void => {
    const { base } = room;
    const variant = variantAt(plan, program, step);
    const { loop, block } = loops[variant]!;
    setConstants(plan.variants[variant]!, heap.floats, base + block, step.values);
    if (byRow) heap.pointers[(base + block) / CELL] = row * 4;
    const x = planeOf(context, room, source, begin);
    loop(base + block, base, x, planeOf(context, room, out, begin), begin, end);
  };
  return {
    whole: (room, step) => range(room, step, layout.begin * 4, layout.end * 4),
    leaf(room, step, leaf) {
      const { offset, length } = leaf;
      range(room, step, offset * 4, (offset + padded(length)) * 4, byRow?.row(leaf));
    },
  };
}

export function normRun(context: PassContext, pass: Extract<Pass, { kind: "norm" }>): PreparedPass {
  const { layout, program } = context;
  const { kernels } = context.heap;
  const { settles, form, order } = pass;
  const wantsParams = (program.rules[pass.rule]!.rule as { params?: boolean }).params === true;

  /** Σ (a·x + b·p)², or the largest |a·x|; without b the factor is taken out of the sum. */
  const sum = (values: Values, x: number, p: number, length: number): number => {
    const factor = evaluate(form.a, values, 1);
    if (order !== 2) return Math.abs(factor) * kernels.maxMagnitude(x, length);
    if (!form.b) return factor * factor * kernels.sumSquares(x, length);
    return kernels.sumSquaresDecayed(x, p, length, factor, evaluate(form.b, values, 0));
  };
  const root = (total: number) => (order === 2 ? Math.sqrt(total) : total);
  const leaf = (room: Room, step: StepValues, { offset, length, index }: LayoutLeaf): void => {
    const begin = offset * 4;
    const p = room.base + begin;
    const sums = room.sums[pass.owner]!;
    sums.updates[index] = sum(step.values, planeOf(context, room, pass.source, begin) + begin, p, length);
    if (wantsParams) {
      sums.params[index] = order === 2 ? kernels.sumSquares(p, length) : kernels.maxMagnitude(p, length);
    }
    if (!settles) return;
    const norms = { updates: root(sums.updates[index]), params: root(sums.params[index]!) };
    const factor = settles.entry.factor(step.options[pass.rule], norms);
    step.values[settles.factor] = factor;
    sums.factors[index] = factor;
  };
  return {
    whole(room, step) {
      for (const each of layout.leaves) leaf(room, step, each);
    },
    leaf,
  };
}

export function kernelRun(context: PassContext, pass: Extract<Pass, { kind: "kernel" }>): PreparedPass {
  const { entry, rule, scalars } = pass;
  const kernel = context.heap.kernel(entry);
  const { index } = context.program.rules[rule]!;
  return {
    // A kernel wants a leaf: its stage runs leaf by leaf.
    whole() {},
    leaf(room, step, leaf) {
      const begin = leaf.offset * 4;
      const out = planeOf(context, room, "scratch", begin) + begin;
      const x = planeOf(context, room, pass.source, begin) + begin;
      const a = evaluate(pass.a, step.values, 1);
      const own = [...scalars.values()].map((index) => step.values[index]!);
      kernel(out, x, ...entry.arguments(a, leaf, own, step.stepOf(rule), index));
    },
  };
}

/** A kernel and the loop behind it, or that loop beginning in the kernel's place, for leaves that have such rows. */
export function rowRun(
  rowOf: (leaf: LayoutLeaf) => number,
  apart: readonly PreparedPass[],
  byRow: PreparedPass | null,
): PreparedPass {
  return {
    // A kernel's stage runs leaf by leaf.
    whole() {},
    leaf(room, step, leaf) {
      if (byRow && rowOf(leaf) > 0) byRow.leaf(room, step, leaf);
      else for (const pass of apart) pass.leaf(room, step, leaf);
    },
  };
}
