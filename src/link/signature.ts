import type * as bodies from "../generated/bodies.ts";

export type BodyName = keyof typeof bodies;

/**
 * What one linked loop does to every element, in order:
 *
 * | token | effect | constants |
 * |---|---|---|
 * | `centralize`, first | x ← a·x − its mean over the row | bytes of a row, a |
 * | `scale` | x ← a·x | a |
 * | `decay` | x ← a·x + b·p | a, b |
 * | a body's name | x ← body(x, p, slots) | its own |
 * | `store`, last | out ← x | |
 * | `add`, last | out ← out + x | |
 * | `apply`, last | p ← p + x | |
 *
 * Joined by `|`, tokens are the signature of a loop: `clip|adam|decay|apply`. It names the loop in the cache, in
 * modules linked ahead of time, and in profilers.
 */
export type Token = "scale" | "decay" | BodyName;
export type Sink = "store" | "add" | "apply";

export const signatureOf = (tokens: readonly Token[], sink: Sink, head: readonly string[] = []): string =>
  [...head, ...tokens, sink].join("|");
