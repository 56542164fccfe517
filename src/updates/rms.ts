import * as bodies from "../generated/bodies.ts";
import { nonNegative, number, type OptionSpec, type Scalar, scalar, unit } from "../options.ts";
import { type Update, updateOf } from "../update.ts";
import type { ElementwiseRule } from "./rule.ts";

/** Options of {@link scaleByAdadelta}. */
export interface ScaleByAdadeltaOptions {
  /** Decay of both means of squares, in [0, 1). */
  readonly rho?: Scalar | undefined;
  /** Added under both roots, ≥ 0. */
  readonly eps?: Scalar | undefined;
}

const adadeltaSpec = {
  rho: scalar(0.9, unit),
  eps: scalar(1e-6, nonNegative),
} satisfies OptionSpec<ScaleByAdadeltaOptions>;

export const adadeltaRule = {
  kind: "elementwise",
  name: "scaleByAdadelta",
  options: adadeltaSpec,
  slots: { eG: { initial: () => 0, decays: true }, eX: { initial: () => 0, decays: true } },
  bodies: [{ ...bodies.adadelta, constants: ["rho", "rest", "eps"] }],
  scalars: ["rho", "rest", "eps"],
  compute: (o) => [o.rho, 1 - o.rho, o.eps],
  reference:
    (o) =>
    (x, _p, { eG, eX }) => {
      for (let k = 0; k < x.length; k++) {
        const g = o.rho * eG[k]! + (1 - o.rho) * x[k]! * x[k]!;
        const y = (Math.sqrt(eX[k]! + o.eps) / Math.sqrt(g + o.eps)) * x[k]!;
        eG[k] = g;
        eX[k] = o.rho * eX[k]! + (1 - o.rho) * y * y;
        x[k] = y;
      }
    },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof adadeltaSpec, "eG" | "eX">;

/**
 * Scales by Adadelta: the root of the decaying mean of its own squares over that of the updates' squares.
 *
 * `e_g ← rho·e_g + (1 − rho)·x²;  y = √(e_x + eps) / √(e_g + eps) · x;  e_x ← rho·e_x + (1 − rho)·y²;  x ← y`
 *
 * @param options `rho` 0.9, in [0, 1); `eps` 1e-6, ≥ 0, under the roots
 * @returns an update with the state `eG`, `eX`, shaped as the parameters
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await chain(scaleByAdadelta({ eps: 0.01 }), scale(-1)).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(3); // => "0.688"
 * ```
 *
 * Zeiler: ADADELTA, https://arxiv.org/abs/1212.5701
 */
export function scaleByAdadelta(options: ScaleByAdadeltaOptions = {}): Update {
  return updateOf(adadeltaRule, options);
}

/** Options of {@link scaleByRms}. */
export interface ScaleByRmsOptions {
  /** Decay of the mean of squares, in [0, 1). */
  readonly decay?: Scalar | undefined;
  /** Added under the root, ≥ 0. */
  readonly eps?: Scalar | undefined;
  /** What the mean of squares starts from, ≥ 0. */
  readonly initialScale?: number | undefined;
}

const rmsSpec = {
  decay: scalar(0.9, unit),
  eps: scalar(1e-8, nonNegative),
  initialScale: number(0, nonNegative),
} satisfies OptionSpec<ScaleByRmsOptions>;

export const rmsRule = {
  kind: "elementwise",
  name: "scaleByRms",
  options: rmsSpec,
  slots: { nu: { initial: (o) => o.initialScale, decays: true } },
  bodies: [{ ...bodies.rms, constants: ["decay", "rest", "eps"] }],
  scalars: ["decay", "rest", "eps"],
  compute: (o) => [o.decay, 1 - o.decay, o.eps],
  reference:
    (o) =>
    (x, _p, { nu }) => {
      for (let k = 0; k < x.length; k++) {
        const v = o.decay * nu[k]! + (1 - o.decay) * x[k]! * x[k]!;
        nu[k] = v;
        x[k] = x[k]! / Math.sqrt(v + o.eps);
      }
    },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof rmsSpec, "nu">;

/**
 * Scales by the root of the decaying mean of squares (RMSProp).
 *
 * `v ← decay·v + (1 − decay)·x²;  x ← x / √(v + eps)`
 *
 * @param options `decay` 0.9, in [0, 1); `eps` 1e-8, ≥ 0, under the root; `initialScale` 0, ≥ 0: where v starts
 * @returns an update with the state `nu`, shaped as the parameters
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await chain(scaleByRms(), scale(-0.1)).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.state[0]!.nu!.w[0]!.toFixed(2); // => "0.40"
 * ```
 *
 * Tieleman, Hinton: Lecture 6.5, Neural Networks for Machine Learning, 2012
 */
export function scaleByRms(options: ScaleByRmsOptions = {}): Update {
  return updateOf(rmsRule, options);
}

/** Options of {@link scaleByRss}. */
export interface ScaleByRssOptions {
  /** What the sum of squares starts from, ≥ 0. */
  readonly initialAccumulatorValue?: number | undefined;
  /** Added under the root, ≥ 0. */
  readonly eps?: Scalar | undefined;
}

const rssSpec = {
  initialAccumulatorValue: number(0.1, nonNegative),
  eps: scalar(1e-7, nonNegative),
} satisfies OptionSpec<ScaleByRssOptions>;

export const rssRule = {
  kind: "elementwise",
  name: "scaleByRss",
  options: rssSpec,
  slots: { sumOfSquares: { initial: (o) => o.initialAccumulatorValue, decays: false } },
  bodies: [{ ...bodies.rss, constants: ["eps"] }],
  scalars: ["eps"],
  compute: (o) => [o.eps],
  reference:
    (o) =>
    (x, _p, { sumOfSquares }) => {
      for (let k = 0; k < x.length; k++) {
        const sum = sumOfSquares[k]! + x[k]! * x[k]!;
        sumOfSquares[k] = sum;
        x[k] = x[k]! * (sum > 0 ? 1 / Math.sqrt(sum + o.eps) : 0);
      }
    },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof rssSpec, "sumOfSquares">;

/**
 * Scales by the root of the sum of all squares so far (AdaGrad).
 *
 * `s ← s + x²;  x ← x / √(s + eps)` where `s > 0`, else 0
 *
 * @param options `initialAccumulatorValue` 0.1, ≥ 0: where s starts; `eps` 1e-7, ≥ 0, under the root
 * @returns an update with the state `sumOfSquares`, shaped as the parameters
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await chain(scaleByRss(), scale(-0.1)).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.state[0]!.sumOfSquares!.w[0]!.toFixed(1); // => "4.1"
 * ```
 *
 * Duchi, Hazan, Singer: Adaptive Subgradient Methods for Online Learning and Stochastic Optimization, JMLR 12, 2011
 */
export function scaleByRss(options: ScaleByRssOptions = {}): Update {
  return updateOf(rssRule, options);
}

/** Options of {@link scaleByStddev}. */
export type ScaleByStddevOptions = ScaleByRmsOptions;

export const stddevRule = {
  kind: "elementwise",
  name: "scaleByStddev",
  options: rmsSpec,
  slots: { mu: { initial: () => 0, decays: true }, nu: { initial: (o) => o.initialScale, decays: true } },
  bodies: [{ ...bodies.stddev, constants: ["decay", "rest", "eps"] }],
  scalars: ["decay", "rest", "eps"],
  compute: (o) => [o.decay, 1 - o.decay, o.eps],
  reference:
    (o) =>
    (x, _p, { mu, nu }) => {
      for (let k = 0; k < x.length; k++) {
        const m = o.decay * mu[k]! + (1 - o.decay) * x[k]!;
        const v = o.decay * nu[k]! + (1 - o.decay) * x[k]! * x[k]!;
        mu[k] = m;
        nu[k] = v;
        x[k] = x[k]! / Math.sqrt(Math.max(v - m * m, 0) + o.eps);
      }
    },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof rmsSpec, "mu" | "nu">;

/**
 * Scales by the decaying standard deviation of the updates (centered RMSProp).
 *
 * `m ← decay·m + (1 − decay)·x;  v ← decay·v + (1 − decay)·x²;  x ← x / √(max(v − m², 0) + eps)`
 *
 * @param options `decay` 0.9, in [0, 1); `eps` 1e-8, ≥ 0, under the root; `initialScale` 0, ≥ 0: where v starts
 * @returns an update with the state `mu`, `nu`, shaped as the parameters
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await chain(scaleByStddev({ eps: 1e-3 }), scale(-0.1)).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.state[0]!.mu!.w[0]!.toFixed(1); // => "0.2"
 * ```
 *
 * Graves: Generating Sequences With Recurrent Neural Networks, https://arxiv.org/abs/1308.0850
 */
export function scaleByStddev(options: ScaleByStddevOptions = {}): Update {
  return updateOf(stddevRule, options);
}
