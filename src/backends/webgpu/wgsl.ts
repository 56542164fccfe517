// What the build gathers from the .wgsl files of assembly/.

import type { BodyName } from "../../link/signature.ts";

/** A function; what its pointers are called, and its numbers. */
export interface WgslBody {
  readonly slots: readonly string[];
  readonly constants: readonly string[];
  readonly text: string;
}

/** A factor made of the norms of updates and parameters, and of options by their names. */
export interface WgslFactor {
  readonly options: readonly string[];
  readonly text: string;
}

export interface Wgsl {
  readonly lanes: string;
  readonly bodies: Readonly<Record<BodyName, WgslBody>>;
  /** By the name of the rule. */
  readonly factors: Readonly<Record<string, WgslFactor>>;
  readonly kernels: Readonly<Record<"flush" | "noise", string>>;
}
