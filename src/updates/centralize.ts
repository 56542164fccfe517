import * as kernels from "../generated/kernels.ts";
import { centralizeHead } from "../link/centralize.ts";
import type { OptionSpec } from "../options.ts";
import { type Update, updateOf } from "../update.ts";
import type { KernelRule } from "./rule.ts";

const spec = {} satisfies OptionSpec<Record<never, never>>;

export const centralizeRule = {
  kind: "kernel",
  name: "centralize",
  options: spec,
  slots: {},
  kernel: "centralize",
  scalars: [],
  compute: () => [],
  module: () => kernels.centralize,
  arguments(a, { shape, length }) {
    const rows = shape.length > 1 ? shape[0]! : 1;
    return [rows, length / rows, shape.length > 1 ? 1 : 0, a];
  },
  byRow: {
    head: centralizeHead,
    row: ({ shape, length }) => (shape.length > 1 && length % (16 * shape[0]!) === 0 ? length / shape[0]! : 0),
  },
  reference: () => (x, leaf) => {
    const rows = leaf.shape.length > 1 ? leaf.shape[0]! : 0;
    const columns = rows > 0 ? x.length / rows : 0;
    for (let row = 0; row < rows; row++) {
      const elements = x.subarray(row * columns, (row + 1) * columns);
      const mean = elements.reduce((sum, value) => sum + value, 0) / columns;
      elements.forEach((value, i) => {
        elements[i] = value - mean;
      });
    }
  },
  tolerance: 1e-6,
} as const satisfies KernelRule<typeof spec>;

/**
 * Centralizes each row of a leaf: subtracts the mean over all axes but the first. Leaves of rank 0 and 1 are kept as
 * they are; give shapes as `{ data, shape }`, as a bare typed array has rank 1.
 *
 * `x ← x − mean(x)`
 *
 * @returns an update without state
 *
 * @example
 * ```ts
 * const optimizer = await centralize().init({ w: { shape: [2, 2] } });
 * optimizer.step({ w: Float32Array.of(1, 3, 0, 4) });
 * Array.from(optimizer.params.w); // => [-1, 1, -2, 2]
 * ```
 *
 * Yong et al.: Gradient Centralization, https://arxiv.org/abs/2004.01461
 */
export function centralize(options: Record<never, never> = {}): Update {
  return updateOf(centralizeRule, options);
}
