// From a loop pass of a program to calls of linked loops.

import { CELL } from "../../link/link.js";
import { signatureOf, type Token } from "../../link/signature.js";
import type { GroupProgram, Operation, Pass } from "../../program/compile.js";
import { type Expression, evaluate, value } from "../../program/form.js";
import type { StepValues } from "../../program/values.js";
import type { Mode } from "../backend.js";
import type { Loop } from "./heap.js";

export type LoopPass = Extract<Pass, { kind: "loop" }>;

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

/** The same pass with one choice of bodies. */
export interface Variant {
  readonly signature: string;
  readonly steps: readonly Step[];
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

export function planLoop(program: GroupProgram, pass: LoopPass, sink: LoopSink): LoopPlan {
  let variants: Step[][] = [[]];
  const choices: Choice[] = [];
  for (const operation of pass.operations) {
    const alternatives = stepsOf(program, operation);
    if (operation.kind === "body" && alternatives.length > 1) {
      choices.push({ rule: operation.rule, stride: variants.length });
    }
    variants = alternatives.flatMap((taken) => variants.map((steps) => [...steps, ...taken]));
  }
  const end = sink === "apply" || sink === "add" ? sink : "store";
  return {
    choices,
    variants: variants.map((steps) => ({
      steps,
      signature: signatureOf(
        steps.map(({ token }) => token),
        end,
      ),
    })),
  };
}

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
    const constants = use.constants.map((name): Constant => {
      return { expression: value(operation.scalars.get(name)!), absent: 0 };
    });
    return [{ token: use.body, slots: program.slots[operation.rule]!, constants }];
  });
}

/** The variant that a step takes. */
export function variantAt({ choices }: LoopPlan, program: GroupProgram, { options, ages }: StepValues): number {
  if (choices.length === 0) return 0;
  let index = 0;
  for (const { rule, stride } of choices) {
    const entry = program.rules[rule]!.rule;
    if (entry.kind === "elementwise") index += stride * entry.select!(options[rule], ages[rule]!);
  }
  return index;
}

/** Bytes that the blocks of a variant take: see src/link/link.ts. */
export const blockBytes = ({ steps }: Variant): number =>
  steps.reduce((bytes, { slots, constants }) => bytes + CELL * (slots.length + constants.length), 0);

/** One call of a loop. Its block holds the pointers of its slots for good, and its constants from step to step. */
class Call {
  readonly #loop: Loop;
  readonly #block: number;
  readonly #params: number;
  readonly #floats: Float32Array;
  /** With the constants' places in the memory, in cells. */
  readonly #constants: readonly (Constant & { readonly at: number })[];

  constructor(loop: Loop, steps: readonly Step[], room: Room, block: number) {
    const { floats, pointers, params, slots: bases } = room;
    this.#loop = loop;
    this.#block = block;
    this.#params = params;
    this.#floats = floats;
    let at = block / CELL;
    this.#constants = steps.flatMap(({ slots, constants }) => {
      for (const slot of slots) pointers[at++] = bases[slot]!;
      return constants.map((constant) => ({ ...constant, at: at++ }));
    });
  }

  /** Takes the constants of the step: they are rounded to f32 here, once. */
  set(values: Float64Array): void {
    const constants = this.#constants;
    for (let i = 0; i < constants.length; i++) {
      const { at, expression, absent } = constants[i]!;
      // Most are a value as it stands: no call then, and no number that is boxed for one.
      this.#floats[at] =
        expression?.kind === "value" ? values[expression.index]! : evaluate(expression, values, absent);
    }
  }

  run(x: number, out: number, begin: number, end: number): void {
    this.#loop(this.#block, this.#params, x, out, begin, end);
  }
}

/** Where a loop runs. */
export interface Room {
  /** All of the memory. */
  readonly floats: Float32Array;
  readonly pointers: Uint32Array;
  /** Where the parameters begin, and the slots of the group, in bytes. */
  readonly params: number;
  readonly slots: readonly number[];
}

/** A pass, ready to run over ranges of one arena. */
export interface LoopRunner {
  set(values: Float64Array): void;
  /** `x`, `out`: planes; `begin < end`: offsets into all planes. Bytes. */
  run(x: number, out: number, begin: number, end: number): void;
}

export const linkedLoop = (loop: Loop, { steps }: Variant, room: Room, block: number): LoopRunner =>
  new Call(loop, steps, room, block);

/** Bytes of a tile: with the slots' it stays in the first-level cache. */
export const TILE = 4096;

/** The signatures that {@link tiledLoop} needs: one operation each. */
export function tileSignatures({ steps, signature }: Variant): string[] {
  const operations = steps.map(({ token }) => signatureOf([token], "store"));
  return !signature.endsWith("store") || steps.length === 0
    ? [...operations, signature.split("|").at(-1)!]
    : operations;
}

/** Body by body over tiles: what runs where an engine compiles nothing. The same operations, so the same bits. */
export function tiledLoop(
  loops: Readonly<Record<string, Loop>>,
  variant: Variant,
  room: Room,
  block: number,
  tile: number,
): LoopRunner {
  let next = block;
  const calls = tileSignatures(variant).map((signature, i) => {
    const steps = variant.steps.slice(i, i + 1);
    const own = next;
    next += blockBytes({ signature, steps });
    return new Call(loops[signature]!, steps, room, own);
  });
  return {
    set(values) {
      for (const call of calls) call.set(values);
    },
    run(x, out, begin, end) {
      for (let from = begin; from < end; from += TILE) {
        const to = Math.min(from + TILE, end);
        const kept = tile - from; // so that offset `from` is the tile's first byte
        calls.forEach((call, i) => {
          call.run(i === 0 ? x : kept, i === calls.length - 1 ? out : kept, from, to);
        });
      }
    },
  };
}
