import * as bodies from "../generated/bodies.ts";
import { nonNegative, type OptionSpec, option, type Scalar, scalar } from "../options.ts";
import { type Update, updateOf } from "../update.ts";
import type { ElementwiseRule, NormRule } from "./rule.ts";

/** Options of {@link clip}. */
export interface ClipOptions {
  /** Largest magnitude of an element, ≥ 0. */
  readonly delta?: Scalar | undefined;
}

const clipSpec = { delta: scalar(2, nonNegative) } satisfies OptionSpec<ClipOptions>;

export const clipRule = {
  kind: "elementwise",
  name: "clip",
  options: clipSpec,
  slots: {},
  bodies: [{ ...bodies.clip, constants: ["delta"] }],
  scalars: ["delta"],
  compute: (o) => [o.delta],
  reference: (o) => (x) => {
    for (let k = 0; k < x.length; k++) x[k] = Math.max(Math.min(x[k]!, o.delta), -o.delta);
  },
  tolerance: 1e-7,
} as const satisfies ElementwiseRule<typeof clipSpec>;

/**
 * Clips every element to [−delta, delta]. NaN stays NaN.
 *
 * `x ← max(min(x, delta), −delta)`
 *
 * @param options `delta` 2, ≥ 0
 * @returns an update without state
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await clip({ delta: 1 }).init({ w: Float32Array.of(0, 0) });
 * optimizer.step({ w: Float32Array.of(0.5, -3) });
 * Array.from(optimizer.params.w); // => [0.5, -1]
 * ```
 *
 * Axon 0.3.1, `Axon.Updates.clip`
 */
export function clip(options: ClipOptions = {}): Update {
  return updateOf(clipRule, options);
}

/** {@link zeroNans} takes none. */
const zeroNansSpec = {} satisfies OptionSpec<Record<never, never>>;

export const zeroNansRule = {
  kind: "elementwise",
  name: "zeroNans",
  options: zeroNansSpec,
  slots: {},
  bodies: [{ ...bodies.zeroNans, constants: [] }],
  scalars: [],
  compute: () => [],
  reference: () => (x) => {
    for (let k = 0; k < x.length; k++) if (Number.isNaN(x[k]!)) x[k] = 0;
  },
  tolerance: 0,
} as const satisfies ElementwiseRule<typeof zeroNansSpec>;

/**
 * Puts zero in the place of NaN. Infinities stay.
 *
 * `x ← 0 where x is NaN`
 *
 * @returns an update without state
 * @throws TypeError for any option
 *
 * @example
 * ```ts
 * const optimizer = await chain(zeroNans(), scale(-1)).init({ w: Float32Array.of(0, 0) });
 * optimizer.step({ w: Float32Array.of(Number.NaN, 1) });
 * Array.from(optimizer.params.w); // => [0, -1]
 * ```
 *
 * Optax 0.2.8, `optax.zero_nans`
 */
export function zeroNans(options: Record<never, never> = {}): Update {
  return updateOf(zeroNansRule, options);
}

/** Options of {@link clipByGlobalNorm}. */
export interface ClipByGlobalNormOptions {
  /** Largest norm of the whole tree, ≥ 0. */
  readonly maxNorm?: Scalar | undefined;
  /** 2: the root of the sum of squares; Infinity: the largest magnitude. */
  readonly order?: 2 | typeof Infinity | undefined;
}

const globalNormSpec = {
  maxNorm: scalar(1, nonNegative),
  order: option<2 | typeof Infinity>(
    2,
    "2 or Infinity",
    (value): value is number => value === 2 || value === Number.POSITIVE_INFINITY,
  ),
} satisfies OptionSpec<ClipByGlobalNormOptions>;

export const clipByGlobalNormRule = {
  kind: "norm",
  name: "clipByGlobalNorm",
  options: globalNormSpec,
  slots: {},
  scope: "tree",
  params: false,
  order: ({ order }) => order,
  factor: ({ maxNorm }, { updates }) => (updates < maxNorm ? 1 : maxNorm === 0 ? 0 : maxNorm / updates),
  // A lane of a sum adds 256 squares in f32: half of 256·2⁻²⁴, as a root halves it.
  tolerance: 8e-6,
  // A thread adds 64 of them.
  deviceTolerance: 2e-6,
} as const satisfies NormRule<typeof globalNormSpec>;

/**
 * Scales the whole tree down to a norm of at most maxNorm. One NaN or infinity anywhere makes all updates NaN or zero;
 * so does, on `wasm`, an element beyond 1.8e19, whose square f32 does not hold.
 *
 * `x ← x · min(1, maxNorm / ‖x‖)`, ‖x‖ the root of the sum of squares over all leaves, or with `order` Infinity the
 * largest magnitude in them
 *
 * @param options `maxNorm` 1, ≥ 0; `order` 2 or Infinity
 * @returns an update without state
 * @throws TypeError for an unknown option; RangeError for one out of range
 *
 * @example
 * ```ts
 * const optimizer = await clipByGlobalNorm({ maxNorm: 1 }).init({ a: Float32Array.of(0), b: Float32Array.of(0) });
 * optimizer.step({ a: Float32Array.of(3), b: Float32Array.of(4) });
 * optimizer.params.a[0]!.toFixed(2); // => "0.60"
 * ```
 *
 * Pascanu, Mikolov, Bengio: On the difficulty of training recurrent neural networks, ICML 2013
 */
export function clipByGlobalNorm(options: ClipByGlobalNormOptions = {}): Update {
  return updateOf(clipByGlobalNormRule, options);
}
