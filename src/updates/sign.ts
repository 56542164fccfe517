import * as bodies from "../generated/bodies.ts";
import { type OptionSpec, type Scalar, scalar, unit } from "../options.ts";
import { type Update, updateOf } from "../update.ts";
import type { ElementwiseRule } from "./rule.ts";

/** Options of {@link scaleByLion}. */
export interface ScaleByLionOptions {
  /** Decay of the moment in what comes out, in [0, 1). */
  readonly b1?: Scalar | undefined;
  /** Decay of the moment that is kept, in [0, 1). */
  readonly b2?: Scalar | undefined;
}

const lionSpec = { b1: scalar(0.9, unit), b2: scalar(0.99, unit) } satisfies OptionSpec<ScaleByLionOptions>;

export const lionRule = {
  kind: "elementwise",
  name: "scaleByLion",
  options: lionSpec,
  slots: { mu: { initial: () => 0, decays: true } },
  bodies: [{ ...bodies.lion, constants: ["odds", "b2", "rest2"] }],
  scalars: ["odds", "b2", "rest2"],
  compute: (o) => [o.b1 / (1 - o.b1), o.b2, 1 - o.b2],
  reference:
    (o) =>
    (x, _p, { mu }) => {
      for (let k = 0; k < x.length; k++) {
        const [g, m] = [x[k]!, mu[k]!];
        x[k] = Math.sign(o.b1 * m + (1 - o.b1) * g);
        mu[k] = o.b2 * m + (1 - o.b2) * g;
      }
    },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof lionSpec, "mu">;

/**
 * Scales by Lion: the sign of a mean of the updates, so that each element moves by the learning rate.
 *
 * `c = b1·m + (1 − b1)·x;  m ← b2·m + (1 − b2)·x;  x ← sign(c)`
 *
 * @param options `b1` 0.9, `b2` 0.99, in [0, 1)
 * @returns an update with the state `mu`, shaped as the parameters
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await chain(scaleByLion(), scale(-0.25)).init({ w: Float32Array.of(1, 2, 3) });
 * optimizer.step({ w: Float32Array.of(0.5, -3, 0) });
 * Array.from(optimizer.params.w); // => [0.75, 2.25, 3]
 * ```
 *
 * Chen et al.: Symbolic Discovery of Optimization Algorithms, https://arxiv.org/abs/2302.06675
 */
export function scaleByLion(options: ScaleByLionOptions = {}): Update {
  return updateOf(lionRule, options);
}
