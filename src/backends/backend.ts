import type { Source } from "../program/compile.ts";
import type { Meeting, Part, Program } from "../program/program.ts";
import type { LayoutLeaf } from "../tree/layout.ts";

/** What runs a program, and how it came to be chosen. */
export interface BackendInfo {
  readonly name: "wasm" | "reference" | "webgpu";
  /**
   * `linked`: loops linked at run time; `warmed`: loops linked ahead of time; `tiles`: body by body over tiles, where
   * the engine compiles nothing at run time and a loop was not linked ahead; `reference`: plain JavaScript; `shaders`: those
   * of a device.
   */
  readonly path: "linked" | "warmed" | "tiles" | "reference" | "shaders";
  /** Why this one, in a sentence. */
  readonly reason: string;
}

/** A plane: by name, or a slot by its index in the program. `updates` is there only for statistics. */
export type PlaneId = "params" | "grads" | "scratch" | "updates" | number;

/** What the last loop of a stage does: apply or emit the result; or begin a sum of gradients with it, or add to one. */
export type Mode = "apply" | "emit" | "start" | "add";

/** Sums over each leaf, by its index: of squares, or the largest magnitudes. */
export interface Sums {
  readonly updates: Float64Array;
  readonly params: Float64Array;
  /** Of a leaf's norm: what came of it, for later stages. */
  readonly factors: Float64Array;
}

/** By rule; empty for those that sum nothing up. */
export function zeroSums({ chain, layout, measures }: Program): readonly Sums[] {
  if (!measures) return none;
  return chain.all.map(({ rule: { kind } }) => {
    const zeros = () => new Float64Array(kind === "norm" || kind === "gate" ? layout.leaves.length : 0);
    return { updates: zeros(), params: zeros(), factors: zeros() };
  });
}

const none: readonly Sums[] = [];

/** What a step asks of a backend. Groups are those of the program. */
export interface Steps {
  readonly backend: BackendInfo;
  /** A step begins: what it needs is made ready before it changes anything. */
  begin(sink: "apply" | "emit"): void;
  stage(group: number, stage: number, mode: Mode): void;
  /** Makes a factor of norms where these stand; without it the host does. `there`: groups that have come. */
  settle?(meeting: Meeting, there: readonly Part[]): void;
  zeroGrads(group: number): void;
  /** p ← p + g: what `emit` left to do. */
  apply(group: number): void;
  /** Sets the smallest numbers of decaying state to zero. */
  flush(group: number): void;
}

/** A program that owns its planes, in the host's memory. */
export interface Engine extends Steps {
  /** A leaf of a plane; null where the plane has no place for it. */
  view(id: PlaneId, leaf: LayoutLeaf): Float32Array<ArrayBuffer> | null;
  /** All of a plane, padding included, in one piece or several. */
  spans(id: PlaneId): readonly Float32Array<ArrayBuffer>[];
  /** By rule: what its passes have summed up. */
  readonly sums: readonly Sums[];
  /** Σ x² of a leaf of a plane; 0 where the plane has no place for it. */
  squares(id: PlaneId, leaf: LayoutLeaf): number;
  /** The first leaf of a group that has a NaN or an infinity in x, or -1. */
  nonFinite(group: number, source: Source): number;
  /** Shows x to a user's function in the scratch plane, or zeros; and takes back what it made of it. */
  expose(group: number, isActive: boolean): void;
  takeBack(group: number): void;
}

/** Below this magnitude: 2^-100. */
export const FLUSH_BELOW = 7.888609052210118e-31;
