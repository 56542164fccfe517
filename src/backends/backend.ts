/** What runs a program, and how it came to be chosen. */
export interface BackendInfo {
  readonly name: "wasm" | "reference";
  /**
   * `linked`: loops linked at run time; `warmed`: loops linked ahead of time; `tiles`: body by body over tiles, where
   * the engine compiles nothing at run time and a loop was not linked ahead; `reference`: plain JavaScript.
   */
  readonly path: "linked" | "warmed" | "tiles" | "reference";
  /** Why this one, in a sentence. */
  readonly reason: string;
}

/** A plane: by name, or a slot by its index in the program. */
export type PlaneId = "params" | "grads" | "scratch" | number;

/** A program that has met a layout and owns its planes. */
export interface Engine {
  readonly backend: BackendInfo;
  /** The whole plane, padding included; `scratch` only where the program parks a whole tree. */
  plane(id: PlaneId): Float32Array<ArrayBuffer>;
  /**
   * Runs all stages with the values of the step that the engine was made with: `apply` adds the updates to the parameters, `emit` writes them over the gradients.
   * `custom(rule)` is called where a user's function stands, with x in the scratch plane.
   */
  run(sink: "apply" | "emit", custom: (rule: number) => void): void;
  /** p ← p + g: what `emit` left to do. */
  apply(): void;
}

/** After every so many steps the smallest numbers of decaying state are set to zero, on every backend alike. */
export const FLUSH_INTERVAL = 64;

/** Below this magnitude: 2^-100. */
export const FLUSH_BELOW = 7.888609052210118e-31;
