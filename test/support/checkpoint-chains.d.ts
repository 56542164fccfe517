import type * as lanestep from "../../src/index.ts";
import type { Optimizer, Update } from "../../src/index.ts";

/** A chain, and what it is fed. */
export interface Example {
  /** Steps at which to save. */
  readonly at: readonly number[];
  readonly gradients: (step: number) => ReturnType<typeof params>;
  readonly told: (step: number) => { readonly value: number } | undefined;
  /** Whether the average is looked at now and then. */
  readonly swaps: boolean;
  /** For one optimizer; `before` is to be called before each step. */
  readonly make: () => { readonly update: Update; readonly before: (step: number) => void };
}

export interface Params {
  readonly encoder: {
    readonly kernel: { readonly data: Float32Array; readonly shape: number[] };
    readonly bias: Float32Array;
  };
  readonly head: [Float32Array, { "a/b~": Float32Array }];
  readonly gain: number;
}

export function numbers(length: number, seed?: number): Float32Array<ArrayBuffer>;
export function params(): Params;
export function gradients(step: number): Params;
export function chainsOf(library: typeof lanestep): Readonly<Record<string, Example>>;
export function run(
  optimizer: Optimizer<never>,
  example: Example,
  before: (step: number) => void,
  from: number,
  to: number,
): void;
export function written(value: unknown): string;
export function heldBy(optimizer: Optimizer<never>): string;
