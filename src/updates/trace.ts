import * as bodies from "../generated/bodies.ts";
import { flag, type OptionSpec, type Range, type Scalar, scalar } from "../options.ts";
import { type Update, updateOf } from "../update.ts";
import type { ElementwiseRule } from "./rule.ts";

/** Options of {@link trace}. */
export interface TraceOptions {
  /** What remains of the trace in a step, in [0, 1]. */
  readonly decay?: Scalar | undefined;
  /** Nesterov's form: one step ahead. */
  readonly nesterov?: boolean | undefined;
}

const fraction: Range = { words: "a number in [0, 1]", holds: (value) => value >= 0 && value <= 1 };

const traceSpec = {
  decay: scalar(0.9, fraction),
  nesterov: flag(false),
} satisfies OptionSpec<TraceOptions>;

export const traceRule = {
  kind: "elementwise",
  name: "trace",
  options: traceSpec,
  slots: { trace: { initial: () => 0, decays: true } },
  bodies: [
    { ...bodies.trace, constants: ["decay"] },
    { ...bodies.nesterov, constants: ["decay"] },
  ],
  choose: (o) => (o.nesterov ? 1 : 0),
  scalars: ["decay"],
  compute: (o) => [o.decay],
  reference:
    (o) =>
    (x, _p, { trace }) => {
      for (let k = 0; k < x.length; k++) {
        const sum = x[k]! + o.decay * trace[k]!;
        trace[k] = sum;
        x[k] = o.nesterov ? x[k]! + o.decay * sum : sum;
      }
    },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof traceSpec, "trace">;

/**
 * Momentum: a decaying sum of the updates.
 *
 * `t ← x + decay·t;  x ← t`, with `nesterov` `x ← x + decay·t`
 *
 * @param options `decay` 0.9, in [0, 1]; `nesterov` false
 * @returns an update with the state `trace`, shaped as the parameters
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await chain(trace({ decay: 0.5 }), scale(-1)).init({ w: Float32Array.of(0) });
 * optimizer.step({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(1) });
 * optimizer.params.w[0]; // => -2.5
 * ```
 *
 * Sutskever et al.: On the importance of initialization and momentum in deep learning, ICML 2013
 */
export function trace(options: TraceOptions = {}): Update {
  return updateOf(traceRule, options);
}
