// From a loop pass of a program to calls of linked loops.

import { CELL, register, registerHead } from "../../link/link.ts";
import { type Sink, signatureOf, type Token } from "../../link/signature.ts";
import { once } from "../../once.ts";
import type { GroupProgram, Operation, Pass } from "../../program/compile.ts";
import { type Expression, evaluate, type Values, value } from "../../program/form.ts";
import type { StepValues } from "../../program/values.ts";
import type { Mode } from "../backend.ts";
import type { Loop } from "./heap.ts";

type LoopPass = Extract<Pass, { kind: "loop" }>;
type KernelPass = Extract<Pass, { kind: "kernel" }>;

/** What becomes of x behind the last operation: `park`, `emit` and `start` store it, in one plane or another. */
export type LoopSink = "park" | Mode;

interface Constant {
  readonly expression: Expression | null;
  readonly absent: 0 | 1;
}

/** One operation as a token, with what it takes. */
interface Step {
  readonly token: Token;
  /** Indices of the program's slots. */
  readonly slots: readonly number[];
  readonly constants: readonly Constant[];
}

/** The same pass with one choice of bodies, and where its block has what it takes; all optimizers share it. */
export interface Variant {
  /** In whose place it begins, row by row: the first cell of its block has the bytes of a row. */
  readonly kernel: KernelPass | null;
  readonly steps: readonly Step[];
  readonly slots: readonly { readonly cell: number; readonly slot: number }[];
  readonly constants: readonly (Constant & { readonly cell: number })[];
  /** Of the block. */
  readonly bytes: number;
}

/** Which variant a step takes: the mixed-radix number of its choices. */
interface Choice {
  readonly rule: number;
  readonly stride: number;
}

export interface LoopPlan {
  readonly variants: readonly Variant[];
  readonly choices: readonly Choice[];
}

/** The kernel in whose place a loop may begin, for leaves that have rows of whole lines. */
export function kernelBefore(passes: readonly Pass[], i: number): KernelPass | null {
  const [before, pass] = [passes[i - 1], passes[i]];
  const reads = pass?.kind === "loop" && pass.source === "scratch";
  return reads && before?.kind === "kernel" && before.entry.byRow ? before : null;
}

const planned = once((program: GroupProgram) =>
  once((pass: LoopPass): LoopPlan => {
    let variants: Step[][] = [[]];
    const choices: Choice[] = [];
    for (const operation of pass.operations) {
      const alternatives = stepsOf(program, operation);
      if (operation.kind === "body" && alternatives.length > 1) {
        choices.push({ rule: operation.rule, stride: variants.length });
      }
      variants = alternatives.flatMap((taken) => variants.map((steps) => [...steps, ...taken]));
    }
    return { variants: variants.map((steps) => variantOf(steps)), choices };
  }),
);

const plannedByRow = once((kernel: KernelPass) =>
  once(({ variants, choices }: LoopPlan): LoopPlan => {
    registerHead(kernel.entry.byRow!.head);
    return { variants: variants.map(({ steps }) => variantOf(steps, kernel)), choices };
  }),
);

/** Made once for all optimizers of a program. `kernel`: in whose place the loop begins. */
export function planLoop(program: GroupProgram, pass: LoopPass, kernel: KernelPass | null = null): LoopPlan {
  const plan = planned(program)(pass);
  return kernel ? plannedByRow(kernel)(plan) : plan;
}

/** All loops of a group, in order. */
export const loopsOf = (group: GroupProgram) =>
  group.stages.flatMap(({ passes }) =>
    passes.flatMap((pass, i) => {
      if (pass.kind !== "loop") return [];
      const kernel = kernelBefore(passes, i);
      const plans = [planLoop(group, pass), ...(kernel ? [planLoop(group, pass, kernel)] : [])];
      return [{ pass, variants: plans.flatMap(({ variants }) => variants) }];
    }),
  );

function variantOf(steps: readonly Step[], kernel: KernelPass | null = null): Variant {
  let cell = kernel ? 2 : 0;
  const taken = steps.map(({ slots, constants }) => ({
    slots: slots.map((slot) => ({ cell: cell++, slot })),
    constants: constants.map((constant) => ({ ...constant, cell: cell++ })),
  }));
  const factor = kernel ? [{ expression: kernel.a, absent: 1, cell: 1 } as const] : [];
  return {
    kernel,
    steps,
    slots: taken.flatMap(({ slots }) => slots),
    constants: [...factor, ...taken.flatMap(({ constants }) => constants)],
    bytes: cell * CELL,
  };
}

export const signatureWith = ({ steps, kernel }: Variant, sink: Sink): string =>
  signatureOf(
    steps.map(({ token }) => token),
    sink,
    kernel ? [kernel.entry.kernel] : [],
  );

/** What a loop ends in. */
export const endOf = (sink: LoopSink): Sink => (sink === "apply" || sink === "add" ? sink : "store");

/** The alternatives of an operation: none or one step each. */
function stepsOf(program: GroupProgram, operation: Operation): Step[][] {
  if (operation.kind === "linear") {
    const { a, b } = operation.form;
    const scale: Constant = { expression: a, absent: 1 };
    if (!b) return [[{ token: "scale", slots: [], constants: [scale] }]];
    return [[{ token: "decay", slots: [], constants: [scale, { expression: b, absent: 0 }] }]];
  }
  return operation.uses.map((use) => {
    if (!use) return [];
    register(use);
    const constants = use.constants.map((name): Constant => {
      return { expression: value(operation.scalars.get(name)!), absent: 0 };
    });
    return [{ token: use.body, slots: program.slots[operation.rule]!, constants }];
  });
}

/** A loop of no operations. */
export const nothing: Variant = variantOf([]);

/** The variant that a step takes. */
export function variantAt({ choices }: LoopPlan, program: GroupProgram, step: StepValues): number {
  if (choices.length === 0) return 0;
  let index = 0;
  for (const { rule, stride } of choices) {
    const entry = program.rules[rule]!.rule;
    if (entry.kind === "elementwise") index += stride * entry.select!(step.options[rule], step.ageOf(rule));
  }
  return index;
}

/** Writes the constants of a step into the block of a loop: they are rounded to f32 here, once. */
export function setConstants({ constants }: Variant, floats: Float32Array, block: number, values: Values): void {
  const first = block / CELL;
  for (let i = 0; i < constants.length; i++) {
    const { cell, expression, absent } = constants[i]!;
    // Most are a value as it stands: no call then, and no number that is boxed for one.
    floats[first + cell] =
      expression?.kind === "value" ? values[expression.index]! : evaluate(expression, values, absent);
  }
}

/**
 * Bytes of a tile. With the same ranges of the slots it stays in the second-level cache; 4 KiB, which the first holds,
 * took 1.2 to 1.3 times as long: each call begins new streams of memory.
 */
export const TILE = 65536;

/**
 * A loop cut into pieces that are there, from its end backwards the longest each: planes are read and written once at the
 * end, and what comes before works on a tile. At worst they are single operations; one that is missing is among them too.
 */
export function piecesOf({ steps }: Variant, end: Sink, loops: Readonly<Record<string, Loop>>): Piece[] {
  const pieces: Piece[] = [];
  let sink = end;
  for (let to = steps.length; to > 0 || pieces.length === 0; sink = "store") {
    const piece = (from: number): Piece => {
      const variant = variantOf(steps.slice(from, to));
      return { variant, signature: signatureWith(variant, sink) };
    };
    let from = 0;
    while (from < to - (sink === "store" ? 1 : 0) && !loops[piece(from).signature]) from++;
    pieces.unshift(piece(from));
    to = from;
  }
  return pieces;
}

interface Piece {
  readonly variant: Variant;
  readonly signature: string;
}

/**
 * Piece by piece over tiles: what runs where an engine compiles nothing. The same operations, so the same bits, and the
 * same block: each piece has its part of it.
 *
 * @param tile where the tile stands, from the parameters on
 */
export function tiledLoop(loops: Readonly<Record<string, Loop>>, pieces: readonly Piece[], tile: number): Loop {
  let next = 0;
  const calls = pieces.map(({ variant, signature }) => {
    const at = next;
    next += variant.bytes;
    return { loop: loops[signature]!, at };
  });
  return (block, p, x, out, begin, end) => {
    for (let from = begin; from < end; from += TILE) {
      const to = Math.min(from + TILE, end);
      const kept = p + tile - from; // so that offset `from` is the tile's first byte
      calls.forEach(({ loop, at }, i) => {
        loop(block + at, p, i === 0 ? x : kept, i === calls.length - 1 ? out : kept, from, to);
      });
    }
  };
}
