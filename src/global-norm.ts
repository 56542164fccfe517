import { readTree } from "./tree/layout.ts";
import { valuesOf } from "./tree/leaf.ts";

/**
 * The norm of a whole tree, as `clipByGlobalNorm` takes it.
 *
 * `√(Σ x²)` over all elements of all leaves, added up in double precision
 *
 * @param tree nested plain objects and arrays; leaves as in `init`
 * @returns a number ≥ 0, or NaN where there is one
 * @throws TypeError with the path for a leaf that is not numbers
 *
 * @example
 * ```ts
 * globalNorm({ a: Float32Array.of(3), b: [Float32Array.of(0, 4)] }); // => 5
 * ```
 */
export function globalNorm(tree: unknown): number {
  const { found } = readTree(tree, "tree");
  let sum = 0;
  for (const leaf of found) for (const x of valuesOf(leaf)) sum += x * x;
  return Math.sqrt(sum);
}
