import * as bodies from "../generated/bodies.ts";
import { powInt } from "../math.ts";
import { flag, type OptionSpec, positiveInteger, type Range, type Scalar, scalar, unit } from "../options.ts";
import { chain, requireUpdate, type Update, updateOf } from "../update.ts";
import type { ElementwiseRule } from "./rule.ts";

/** Options of {@link ema}. */
export interface EmaOptions {
  /** What remains of the average in a step, in [0, 1). */
  readonly decay: Scalar;
  /** Whether the start at zero is corrected for. */
  readonly debias?: boolean | undefined;
}

const emaSpec = { decay: scalar(undefined, unit), debias: flag(true) } satisfies OptionSpec<EmaOptions>;

export const emaRule = {
  kind: "elementwise",
  name: "ema",
  options: emaSpec,
  slots: { ema: { initial: () => 0, decays: true } },
  bodies: [{ ...bodies.ema, constants: ["rest"] }],
  scalars: ["rest", "factor"],
  compute: (o, step) => [1 - o.decay, o.debias ? 1 / (1 - powInt(o.decay, step + 1)) : 1],
  reference:
    (o, step) =>
    (x, _p, { ema }) => {
      const correction = o.debias ? 1 - powInt(o.decay, step + 1) : 1;
      for (let k = 0; k < x.length; k++) {
        const m = o.decay * ema[k]! + (1 - o.decay) * x[k]!;
        ema[k] = m;
        x[k] = m / correction;
      }
    },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof emaSpec, "ema">;

/**
 * The exponential moving average of the updates.
 *
 * `m ← decay·m + (1 − decay)·x;  x ← m/(1 − decayᵗ)`, without `debias` `x ← m`
 *
 * @param options `decay`, in [0, 1); `debias` true
 * @returns an update with the state `ema`, shaped as the parameters
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await chain(ema({ decay: 0.5 }), scale(-1)).init({ w: Float32Array.of(0) });
 * optimizer.step({ w: Float32Array.of(3) });
 * optimizer.params.w[0]; // => -3
 * ```
 *
 * Kingma, Ba: Adam, https://arxiv.org/abs/1412.6980, section 3
 */
export function ema(options: EmaOptions): Update {
  return updateOf(emaRule, options);
}

/** Options of {@link averageParams}. */
export interface AverageParamsOptions {
  /** What remains of the average in a step, in [0, 1). */
  readonly decay?: Scalar | undefined;
  /** Whether the average is that of the steps alone; otherwise it begins with the parameters of `init`. */
  readonly debias?: boolean | undefined;
}

const averageSpec = { decay: scalar(0.999, unit), debias: flag(true) } satisfies OptionSpec<AverageParamsOptions>;

const averageRate = (o: { decay: number; debias: boolean }, step: number): number =>
  (1 - o.decay) / (o.debias ? 1 - powInt(o.decay, step + 1) : 1);

export const averageParamsRule = {
  kind: "elementwise",
  name: "averageParams",
  options: averageSpec,
  slots: { average: { initial: () => "params", decays: false } },
  bodies: [{ ...bodies.average, constants: ["rate"] }],
  scalars: ["rate"],
  compute: (o, step) => [averageRate(o, step)],
  reference:
    (o, step) =>
    (x, p, { average }) => {
      const rate = averageRate(o, step);
      for (let k = 0; k < x.length; k++) average[k]! += rate * (p[k]! + x[k]! - average[k]!);
    },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof averageSpec, "average">;

/**
 * Keeps the exponential moving average of the parameters, which often tests better than the last ones. It stands last in
 * a chain, as it averages what the step makes of the parameters; updates pass unchanged. `optimizer.swapAverage()` puts the
 * average in the parameters' place, and back.
 *
 * `a ← a + r·(p + x − a)`, `r = (1 − decay)/(1 − decayᵗ)`, without `debias` `r = 1 − decay`
 *
 * @param options `decay` 0.999, in [0, 1); `debias` true
 * @returns an update with the state `average`, shaped as the parameters
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const update = chain(sgd({ learningRate: 1 }), averageParams({ decay: 0.5, debias: false }));
 * const optimizer = await update.init({ w: Float32Array.of(0) });
 * optimizer.step({ w: Float32Array.of(-4) });
 * optimizer.swapAverage();
 * optimizer.params.w[0]; // => 2
 * optimizer.swapAverage();
 * optimizer.params.w[0]; // => 4
 * ```
 *
 * Polyak, Juditsky: Acceleration of stochastic approximation by averaging, SIAM J. Control Optim. 30 (4), 1992
 */
export function averageParams(options: AverageParamsOptions = {}): Update {
  return updateOf(averageParamsRule, options);
}

/** Options of {@link lookahead}. */
export interface LookaheadOptions {
  /** Steps from one synchronisation to the next, an integer ≥ 1. */
  readonly every?: Scalar | undefined;
  /** How far the slow parameters go towards the fast ones, in [0, 1]. */
  readonly rate?: Scalar | undefined;
}

const fraction: Range = { words: "a number in [0, 1]", holds: (value) => value >= 0 && value <= 1 };

const lookaheadSpec = {
  every: scalar(6, positiveInteger),
  rate: scalar(0.5, fraction),
} satisfies OptionSpec<LookaheadOptions>;

export const lookaheadRule = {
  kind: "elementwise",
  name: "lookahead",
  options: lookaheadSpec,
  slots: { slow: { initial: () => "params", decays: false } },
  bodies: [null, { ...bodies.lookahead, constants: ["rate"] }],
  select: (o, step) => ((step + 1) % o.every === 0 ? 1 : 0),
  scalars: ["rate"],
  compute: (o) => [o.rate],
  reference:
    (o, step) =>
    (x, p, { slow }) => {
      if ((step + 1) % o.every !== 0) return;
      for (let k = 0; k < x.length; k++) {
        slow[k]! += o.rate * (p[k]! + x[k]! - slow[k]!);
        x[k] = slow[k]! - p[k]!;
      }
    },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof lookaheadSpec, "slow">;

/**
 * Goes ahead with fast parameters, and now and then takes slow ones part of the way and begins anew from there. It comes
 * last in a chain: `optimizer.params` are the fast parameters, the state `slow` the slow ones.
 *
 * each `every` steps `s ← s + rate·(p + x − s);  x ← s − p`
 *
 * @param update how the fast parameters are updated
 * @param options `every` 6, an integer ≥ 1; `rate` 0.5, in [0, 1]
 * @returns an update with the state `slow`, shaped as the parameters, behind those of `update`
 * @throws TypeError for what is no update and for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await lookahead(sgd({ learningRate: 1 }), { every: 2 }).init({ w: Float32Array.of(0) });
 * optimizer.step({ w: Float32Array.of(-1) });
 * optimizer.params.w[0]; // => 1
 * optimizer.step({ w: Float32Array.of(-1) });
 * optimizer.params.w[0]; // => 1
 * ```
 *
 * Zhang et al.: Lookahead Optimizer: k steps forward, 1 step back, https://arxiv.org/abs/1907.08610
 */
export function lookahead(update: Update, options: LookaheadOptions = {}): Update {
  requireUpdate(update, "lookahead: its first argument");
  return chain(update, updateOf(lookaheadRule, options, "update, "));
}
