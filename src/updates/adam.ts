import * as bodies from "../generated/bodies.ts";
import { powInt } from "../math.ts";
import { type AtStep, atLeast, nonNegative, number, type OptionSpec, type Scalar, scalar, unit } from "../options.ts";
import { type Update, updateOf } from "../update.ts";
import type { ElementwiseRule } from "./rule.ts";

/** Options of {@link scaleByAdam}. */
export interface ScaleByAdamOptions {
  /** Decay of the first moment, in [0, 1). */
  readonly b1?: Scalar | undefined;
  /** Decay of the second moment, in [0, 1). */
  readonly b2?: Scalar | undefined;
  /** Added to the root, ≥ 0. */
  readonly eps?: Scalar | undefined;
  /** Added under the root, ≥ 0. */
  readonly epsRoot?: Scalar | undefined;
}

const moments = { b1: scalar(0.9, unit), b2: scalar(0.999, unit) };
const zeros = { initial: () => 0, decays: true };

/** What the moments are short of, for their start at zero: c₁ = 1 − b1ᵗ, c₂ = 1 − b2ᵗ. */
const corrections = ({ b1, b2 }: { b1: number; b2: number }, step: number) => ({
  c1: 1 - powInt(b1, step + 1),
  c2: 1 - powInt(b2, step + 1),
});

/**
 * m̂ / (√(v̂ + root) + ε) with m̂ = m/c₁, v̂ = v/c₂ is factor · m / (√(v + root·c₂) + ε·√c₂), factor = √c₂/c₁
 * (the end of section 2 of Adam's paper): the corrections leave the loop.
 */
function folded(o: { b1: number; b2: number }, step: number) {
  const { c1, c2 } = corrections(o, step);
  const root2 = Math.sqrt(c2);
  return { c1, c2, root2, rest1: 1 - o.b1, rest2: 1 - o.b2, factor: root2 / c1 };
}

const adamSpec = {
  ...moments,
  eps: scalar(1e-8, nonNegative),
  epsRoot: scalar(1e-15, nonNegative),
} satisfies OptionSpec<ScaleByAdamOptions>;

/** With what the factor is multiplied by besides. */
function adamScalars(o: AtStep<typeof adamSpec>, step: number, by = 1) {
  const { c2, root2, rest1, rest2, factor } = folded(o, step);
  return [rest1, o.b2, rest2, o.epsRoot * c2, o.eps * root2, factor * by];
}

const adamNames = ["rest1", "b2", "rest2", "root", "eps", "factor"];

export const adamRule = {
  kind: "elementwise",
  name: "scaleByAdam",
  options: adamSpec,
  slots: { mu: zeros, nu: zeros },
  bodies: [{ ...bodies.adam, constants: ["rest1", "b2", "rest2", "root", "eps"] }],
  scalars: adamNames,
  compute: (o, step) => adamScalars(o, step),
  reference: (o, step) => {
    const { c1, c2 } = corrections(o, step);
    return (x, _p, { mu, nu }) => {
      for (let k = 0; k < x.length; k++) {
        const m = o.b1 * mu[k]! + (1 - o.b1) * x[k]!;
        const v = o.b2 * nu[k]! + (1 - o.b2) * x[k]! * x[k]!;
        mu[k] = m;
        nu[k] = v;
        x[k] = m / c1 / (Math.sqrt(v / c2 + o.epsRoot) + o.eps);
      }
    };
  },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof adamSpec, "mu" | "nu">;

/**
 * Scales by Adam: the mean of the updates over the root of the mean of their squares, both decaying, both corrected
 * for their start at zero.
 *
 * `m ← b1·m + (1 − b1)·x;  v ← b2·v + (1 − b2)·x²;  x ← m̂ / (√(v̂ + epsRoot) + eps)`
 * with `m̂ = m / (1 − b1ᵗ)`, `v̂ = v / (1 − b2ᵗ)`, t the step counted from 1.
 *
 * @param options `b1` 0.9, `b2` 0.999, in [0, 1); `eps` 1e-8, `epsRoot` 1e-15, ≥ 0
 * @returns an update with the state `mu`, `nu`, shaped as the parameters
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await chain(scaleByAdam(), scale(-0.1)).init({ w: Float32Array.of(1, 2) });
 * optimizer.step({ w: Float32Array.of(0.5, -3) });
 * Array.from(optimizer.params.w, (p) => p.toFixed(3)); // => ["0.900", "2.100"]
 * ```
 *
 * Kingma, Ba: Adam, https://arxiv.org/abs/1412.6980
 */
export function scaleByAdam(options: ScaleByAdamOptions = {}): Update {
  return updateOf(adamRule, options);
}

/** Options of {@link scaleByAdamax}. */
export interface ScaleByAdamaxOptions {
  /** Decay of the first moment, in [0, 1). */
  readonly b1?: Scalar | undefined;
  /** Decay of the largest magnitude, in [0, 1). */
  readonly b2?: Scalar | undefined;
  /** Added to the magnitude, ≥ 0. */
  readonly eps?: Scalar | undefined;
}

const adamaxSpec = { ...moments, eps: scalar(1e-8, nonNegative) } satisfies OptionSpec<ScaleByAdamaxOptions>;

export const adamaxRule = {
  kind: "elementwise",
  name: "scaleByAdamax",
  options: adamaxSpec,
  slots: { mu: zeros, nu: zeros },
  bodies: [{ ...bodies.adamax, constants: ["rest1", "b2", "eps"] }],
  scalars: ["rest1", "b2", "eps", "factor"],
  compute: (o, step) => [1 - o.b1, o.b2, o.eps, 1 / corrections(o, step).c1],
  reference: (o, step) => {
    const { c1 } = corrections(o, step);
    return (x, _p, { mu, nu }) => {
      for (let k = 0; k < x.length; k++) {
        const m = o.b1 * mu[k]! + (1 - o.b1) * x[k]!;
        const [now, before] = [Math.abs(x[k]!) + o.eps, o.b2 * nu[k]!];
        const v = before > now ? before : now;
        mu[k] = m;
        nu[k] = v;
        x[k] = m / c1 / v;
      }
    };
  },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof adamaxSpec, "mu" | "nu">;

/**
 * Scales by AdaMax: as Adam, but over the largest magnitude of the updates, which decays.
 *
 * `m ← b1·m + (1 − b1)·x;  v ← max(b2·v, |x| + eps);  x ← m̂ / v` with `m̂ = m / (1 − b1ᵗ)`
 *
 * @param options `b1` 0.9, `b2` 0.999, in [0, 1); `eps` 1e-8, ≥ 0
 * @returns an update with the state `mu`, `nu`, shaped as the parameters
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await chain(scaleByAdamax(), scale(-0.1)).init({ w: Float32Array.of(1, 2) });
 * optimizer.step({ w: Float32Array.of(0.5, -3) });
 * Array.from(optimizer.params.w, (p) => p.toFixed(3)); // => ["0.900", "2.100"]
 * ```
 *
 * Kingma, Ba: Adam, section 7.1, https://arxiv.org/abs/1412.6980
 */
export function scaleByAdamax(options: ScaleByAdamaxOptions = {}): Update {
  return updateOf(adamaxRule, options);
}

/** Options of {@link scaleByBelief}. */
export type ScaleByBeliefOptions = ScaleByAdamOptions;

const beliefSpec = {
  ...moments,
  eps: scalar(0, nonNegative),
  epsRoot: scalar(1e-16, nonNegative),
} satisfies OptionSpec<ScaleByBeliefOptions>;

export const beliefRule = {
  kind: "elementwise",
  name: "scaleByBelief",
  options: beliefSpec,
  slots: { mu: zeros, nu: zeros },
  bodies: [{ ...bodies.belief, constants: ["rest1", "b2", "surprise", "root", "eps"] }],
  scalars: ["rest1", "b2", "surprise", "root", "eps", "factor"],
  compute: (o, step) => {
    const { root2, rest1, rest2, factor } = folded(o, step);
    return [rest1, o.b2, rest2 * o.b1 * o.b1, o.epsRoot, o.eps * root2, factor];
  },
  reference: (o, step) => {
    const { c1, c2 } = corrections(o, step);
    return (x, _p, { mu, nu }) => {
      for (let k = 0; k < x.length; k++) {
        const m = o.b1 * mu[k]! + (1 - o.b1) * x[k]!;
        const v = o.b2 * nu[k]! + (1 - o.b2) * (x[k]! - m) * (x[k]! - m) + o.epsRoot;
        mu[k] = m;
        nu[k] = v;
        x[k] = m / c1 / (Math.sqrt(v / c2) + o.eps);
      }
    };
  },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof beliefSpec, "mu" | "nu">;

/**
 * Scales by AdaBelief: as Adam, but over the root of the squared distance between the update and its expectation.
 *
 * `m ← b1·m + (1 − b1)·x;  v ← b2·v + (1 − b2)·(x − m)² + epsRoot;  x ← m̂ / (√v̂ + eps)`
 *
 * @param options `b1` 0.9, `b2` 0.999, in [0, 1); `eps` 0, `epsRoot` 1e-16, ≥ 0
 * @returns an update with the state `mu`, `nu`, shaped as the parameters
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await chain(scaleByBelief(), scale(-0.1)).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.state[0]!.mu!.w[0]!.toFixed(2); // => "0.20"
 * ```
 *
 * Zhuang et al.: AdaBelief Optimizer, https://arxiv.org/abs/2010.07468
 */
export function scaleByBelief(options: ScaleByBeliefOptions = {}): Update {
  return updateOf(beliefRule, options);
}

/** Options of {@link scaleByRadam}. */
export interface ScaleByRadamOptions extends ScaleByAdamOptions {
  /** Length of the variance's approximation from which on it is used, ≥ 4. */
  readonly threshold?: Scalar | undefined;
}

const radamSpec = {
  ...moments,
  eps: scalar(1e-8, nonNegative),
  epsRoot: scalar(0, nonNegative),
  threshold: scalar(5, atLeast(4)),
} satisfies OptionSpec<ScaleByRadamOptions>;

/** ρ∞ and ρₜ: the length of the approximated simple moving average, at the end and now. */
function rho(b2: number, step: number) {
  const limit = 2 / (1 - b2) - 1;
  const power = powInt(b2, step + 1);
  return { limit, now: limit - (2 * (step + 1) * power) / (1 - power) };
}

function rectification(b2: number, step: number): number {
  const { limit, now } = rho(b2, step);
  return Math.sqrt(((now - 4) * (now - 2) * limit) / ((limit - 4) * (limit - 2) * now));
}

const isTractable = (o: AtStep<typeof radamSpec>, step: number) => rho(o.b2, step).now >= o.threshold;

export const radamRule = {
  kind: "elementwise",
  name: "scaleByRadam",
  options: radamSpec,
  slots: { mu: zeros, nu: zeros },
  bodies: [
    { ...bodies.momentum, constants: ["rest1", "b2", "rest2"] },
    { ...bodies.adam, constants: ["rest1", "b2", "rest2", "root", "eps"] },
  ],
  select: (o, step) => (isTractable(o, step) ? 1 : 0),
  scalars: adamNames,
  compute: (o, step) => {
    if (isTractable(o, step)) return adamScalars(o, step, rectification(o.b2, step));
    return [...adamScalars(o, step).slice(0, -1), 1 / corrections(o, step).c1];
  },
  reference: (o, step) => {
    const { c1, c2 } = corrections(o, step);
    const r = isTractable(o, step) ? rectification(o.b2, step) : 0;
    return (x, _p, { mu, nu }) => {
      for (let k = 0; k < x.length; k++) {
        const m = o.b1 * mu[k]! + (1 - o.b1) * x[k]!;
        const v = o.b2 * nu[k]! + (1 - o.b2) * x[k]! * x[k]!;
        mu[k] = m;
        nu[k] = v;
        x[k] = r === 0 ? m / c1 : (r * (m / c1)) / (Math.sqrt(v / c2 + o.epsRoot) + o.eps);
      }
    };
  },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof radamSpec, "mu" | "nu">;

/**
 * Scales by Rectified Adam: momentum alone until the variance of Adam's second moment is tractable, then Adam times a
 * rectification.
 *
 * `m`, `v` as {@link scaleByAdam}; `ρ = ρ∞ − 2t·b2ᵗ / (1 − b2ᵗ)`, `ρ∞ = 2 / (1 − b2) − 1`; where `ρ ≥ threshold`
 * `x ← √((ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρ)) · m̂ / (√(v̂ + epsRoot) + eps)`, else `x ← m̂`.
 *
 * @param options `b1` 0.9, `b2` 0.999, in [0, 1); `eps` 1e-8, `epsRoot` 0, ≥ 0; `threshold` 5, ≥ 4
 * @returns an update with the state `mu`, `nu`, shaped as the parameters
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await chain(scaleByRadam(), scale(-0.1)).init({ w: Float32Array.of(1) });
 * optimizer.step({ w: Float32Array.of(2) });
 * optimizer.params.w[0]!.toFixed(2); // => "0.80"
 * ```
 *
 * Liu et al.: On the Variance of the Adaptive Learning Rate and Beyond, https://arxiv.org/abs/1908.03265
 */
export function scaleByRadam(options: ScaleByRadamOptions = {}): Update {
  return updateOf(radamRule, options);
}

/** Options of {@link scaleByYogi}. */
export interface ScaleByYogiOptions extends ScaleByAdamOptions {
  /** What both moments start from, ≥ 0. */
  readonly initialAccumulatorValue?: number | undefined;
}

const yogiSpec = {
  initialAccumulatorValue: number(1e-6, nonNegative),
  ...moments,
  eps: scalar(1e-8, nonNegative),
  epsRoot: scalar(0, nonNegative),
} satisfies OptionSpec<ScaleByYogiOptions>;

export const yogiRule = {
  kind: "elementwise",
  name: "scaleByYogi",
  options: yogiSpec,
  slots: {
    mu: { initial: (o) => o.initialAccumulatorValue, decays: true },
    nu: { initial: (o) => o.initialAccumulatorValue, decays: false },
  },
  bodies: [{ ...bodies.yogi, constants: ["rest1", "rest2", "root", "eps"] }],
  scalars: adamNames,
  compute: (o, step) => adamScalars(o, step),
  reference: (o, step) => {
    const { c1, c2 } = corrections(o, step);
    return (x, _p, { mu, nu }) => {
      for (let k = 0; k < x.length; k++) {
        const square = x[k]! * x[k]!;
        const m = o.b1 * mu[k]! + (1 - o.b1) * x[k]!;
        const v = nu[k]! - (1 - o.b2) * Math.sign(nu[k]! - square) * square;
        mu[k] = m;
        nu[k] = v;
        x[k] = m / c1 / (Math.sqrt(v / c2 + o.epsRoot) + o.eps);
      }
    };
  },
  tolerance: 1e-6,
} as const satisfies ElementwiseRule<typeof yogiSpec, "mu" | "nu">;

/**
 * Scales by Yogi: as Adam, with a second moment that moves by at most (1 − b2)·x² a step.
 *
 * `m ← b1·m + (1 − b1)·x;  v ← v − (1 − b2)·sign(v − x²)·x²;  x ← m̂ / (√(v̂ + epsRoot) + eps)`
 *
 * @param options `initialAccumulatorValue` 1e-6, ≥ 0, for both moments; `b1` 0.9, `b2` 0.999, in [0, 1); `eps` 1e-8,
 *   `epsRoot` 0, ≥ 0
 * @returns an update with the state `mu`, `nu`, shaped as the parameters
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await chain(scaleByYogi(), scale(-0.1)).init({ w: Float32Array.of(1) });
 * optimizer.state[0]!.nu!.w[0]!.toFixed(6); // => "0.000001"
 * ```
 *
 * Zaheer et al.: Adaptive Methods for Nonconvex Optimization, NeurIPS 2018
 */
export function scaleByYogi(options: ScaleByYogiOptions = {}): Update {
  return updateOf(yogiRule, options);
}
