import {
  nonNegative,
  nonNegativeInteger,
  type OptionSpec,
  positiveInteger,
  type Scalar,
  scalar,
  unit,
} from "../options.ts";
import { type Update, updateOf } from "../update.ts";
import type { LinearRule } from "./rule.ts";

/** Options of {@link reduceOnPlateau}. */
export interface ReduceOnPlateauOptions {
  /** What the scale is multiplied by, in [0, 1). */
  readonly factor?: Scalar | undefined;
  /** Steps without improvement before it is, an integer ≥ 1. */
  readonly patience?: Scalar | undefined;
  /** Steps after that in which none is counted, an integer ≥ 0. */
  readonly cooldown?: Scalar | undefined;
  /** By how much, relative to the best, a value must fall to improve, ≥ 0. */
  readonly rtol?: Scalar | undefined;
  /** By how much it must fall besides, ≥ 0. */
  readonly atol?: Scalar | undefined;
  /** The smallest scale, ≥ 0. */
  readonly minScale?: Scalar | undefined;
}

const spec = {
  factor: scalar(0.1, unit),
  patience: scalar(10, positiveInteger),
  cooldown: scalar(0, nonNegativeInteger),
  rtol: scalar(1e-4, nonNegative),
  atol: scalar(0, nonNegative),
  minScale: scalar(0, nonNegative),
} satisfies OptionSpec<ReduceOnPlateauOptions>;

export const reduceOnPlateauRule = {
  kind: "linear",
  name: "reduceOnPlateau",
  options: spec,
  slots: {},
  linear: "factor",
  memory: {
    initial: { scale: 1, best: Number.POSITIVE_INFINITY, waited: 0, cooling: 0 },
    advance(o, memory, { value }) {
      if (value === undefined) {
        throw new TypeError("reduceOnPlateau wants a value at each step: step(grads, { value: loss })");
      }
      const { scale, best, waited, cooling } = memory as {
        scale: number;
        best: number;
        waited: number;
        cooling: number;
      };
      const improves = value < (1 - o.rtol) * best - o.atol;
      const next = { scale, best: improves ? value : best, waited: 0, cooling: 0 };
      if (cooling > 0) return { ...next, cooling: cooling - 1 };
      const waits = improves ? 0 : waited + 1;
      if (waits < o.patience) return { ...next, waited: waits };
      return { ...next, scale: Math.max(scale * o.factor, o.minScale), cooling: o.cooldown };
    },
  },
  scalar: (_o, _step, { scale }) => scale!,
  tolerance: 1e-6,
} as const satisfies LinearRule<typeof spec>;

/**
 * Scales down when a value that is told at each step, such as the loss, has not become smaller for a while.
 *
 * `x ← scale·x`; each `patience` steps without `value < (1 − rtol)·best − atol` `scale ← max(factor·scale, minScale)`, and
 * the next `cooldown` steps are not counted
 *
 * @param options `factor` 0.1, in [0, 1); `patience` 10, an integer ≥ 1; `cooldown` 0, an integer ≥ 0; `rtol` 1e-4,
 *   `atol` 0 and `minScale` 0, ≥ 0
 * @returns an update that remembers scale, best value and what it has counted; checkpoints hold that
 * @throws TypeError for an unknown option, and from `step(grads, { value })` without a value; RangeError for one out of range
 *
 * @example
 * ```ts
 * const update = chain(scale(-1), reduceOnPlateau({ factor: 0.5, patience: 1 }));
 * const optimizer = await update.init({ w: Float32Array.of(0) });
 * optimizer.step({ w: Float32Array.of(1) }, { value: 3 });
 * optimizer.step({ w: Float32Array.of(1) }, { value: 3 }); // no better: half
 * optimizer.params.w[0]; // => -1.5
 * ```
 *
 * Optax 0.2.8, `optax.contrib.reduce_on_plateau`
 */
export function reduceOnPlateau(options: ReduceOnPlateauOptions = {}): Update {
  return updateOf(reduceOnPlateauRule, options);
}
