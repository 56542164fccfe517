import { camelKeys, type Dialect, noTorch, translation, Waiting } from "./dialect.ts";
import type { GoldenSchedule, Options } from "./format.ts";

const moments = { b1: 0.9, b2: 0.999, eps: 1e-8, epsRoot: 0 };
const adadelta = { rho: 0.9, eps: 1e-6 };
const adamax = { b1: 0.9, b2: 0.999, eps: 1e-8 };
const belief = { ...moments, eps: 1e-16, epsRoot: 1e-16 };
const lion = { b1: 0.9, b2: 0.99 };
const radam = { ...moments, threshold: 5 };
const yogi = { ...moments, eps: 1e-3, initialAccumulatorValue: 1e-6 };
const rms = { decay: 0.9, eps: 1e-8, initialScale: 0 };
const rss = { initialAccumulatorValue: 0.1, eps: 1e-7 };

/** Options that Optax's two functions of one cycle share. */
const oneCycle = {
  transitionSteps: undefined as unknown as number,
  peakValue: undefined as unknown as number,
  pctStart: 0.3,
  divFactor: 25,
  finalDivFactor: 1e4,
};

export const optax: Dialect = {
  defaults: {
    scaleByAdadelta: adadelta,
    scaleByAdam: moments,
    scaleByAdamax: adamax,
    scaleByBelief: belief,
    scaleByLion: lion,
    scaleByRadam: radam,
    scaleByYogi: yogi,
    scaleByRms: rms,
    scaleByStddev: rms,
    scaleByRss: rss,
    scaleByTrustRatio: { minNorm: 0, trustCoefficient: 1, eps: 0 },
    adabelief: belief,
    adadelta,
    adagrad: rss,
    adam: moments,
    adamax,
    adamw: { ...moments, decay: 1e-4 },
    lamb: { ...moments, eps: 1e-6, decay: 0 },
    lion: { ...lion, decay: 1e-3 },
    radam,
    rmsprop: { ...rms, momentum: null },
    sgd: { momentum: null },
    yogi,
    accumulate: { mean: true },
    ema: { debias: true },
    reduceOnPlateau: { factor: 0.1, patience: 10, rtol: 1e-4, atol: 0, cooldown: 0, minScale: 0 },
    polynomialDecay: { transitionBegin: 0 },
    exponentialDecay: { transitionBegin: 0, staircase: false },
    cosineDecay: { alpha: 0 },
    piecewiseConstant: { boundariesAndScales: {} },
    piecewiseInterpolate: { boundariesAndScales: {} },
  },
  options: {
    adamw: { weightDecay: "decay" },
    lamb: { weightDecay: "decay" },
    lion: { weightDecay: "decay" },
    addDecayedWeights: { weightDecay: "decay" },
    accumulate: { everyK: "every", everyKSchedule: "every", useGradMean: "mean" },
    skipNonFinite: { maxConsecutiveErrors: "maxConsecutive" },
    lookahead: { syncPeriod: "every", slowStepSize: "rate" },
    constant: { value: "initValue" },
    piecewiseInterpolate: { interpolateType: "interpolate" },
  },
  rules: { setToZero: "freeze" },
  implied: {
    scaleByAdam: { nesterov: false, muDtype: null },
    scaleByBelief: { nesterov: false },
    scaleByLion: { muDtype: null },
    scaleByRadam: { nesterov: false },
    scaleByRms: { epsInSqrt: true, biasCorrection: false },
    scaleByStddev: { epsInSqrt: true, biasCorrection: false },
    adabelief: { nesterov: false },
    adadelta: { weightDecay: 0, weightDecayMask: null },
    adam: { nesterov: false, muDtype: null },
    adamw: { nesterov: false, muDtype: null, mask: null },
    lamb: { mask: null },
    lion: { muDtype: null, mask: null },
    radam: { nesterov: false },
    rmsprop: { epsInSqrt: true, biasCorrection: false },
    sgd: { accumulatorDtype: null },
    ema: { accumulatorDtype: null },
    trace: { accumulatorDtype: null },
    accumulate: { shouldSkipUpdateFn: null },
    lookahead: { resetState: false },
    reduceOnPlateau: { accumulationSize: 1 },
  },
  wrappers: {
    multiSteps: { name: "accumulate", where: "around" },
    applyIfFinite: { name: "skipNonFinite", where: "around" },
    lookahead: { name: "lookahead", where: "around" },
    reduceOnPlateau: { name: "reduceOnPlateau", where: "behind" },
  },
  torch: noTorch,
  schedules: {
    constantSchedule: "constant",
    cosineDecaySchedule: "cosineDecay",
    linearSchedule: "linear",
    piecewiseConstantSchedule: "piecewiseConstant",
    piecewiseInterpolateSchedule: "piecewiseInterpolate",
    polynomialSchedule: "polynomialDecay",
    warmupConstantSchedule: "warmupConstant",
    warmupCosineDecaySchedule: "warmupCosine",
    warmupExponentialDecaySchedule: "warmupExponential",
    cosineOnecycleSchedule: translation(oneCycle, ({ pctStart, ...same }) => ({
      name: "oneCycle",
      options: { ...same, peakStep: Math.floor(pctStart * same.transitionSteps) },
    })),
    linearOnecycleSchedule: translation({ ...oneCycle, pctFinal: 0.85 }, ({ pctStart, pctFinal, ...same }) => {
      const [peakStep, returnStep] = [pctStart, pctFinal].map((part) => Math.floor(part * same.transitionSteps));
      return { name: "oneCycle", options: { ...same, peakStep, returnStep, interpolate: "linear" } };
    }),
    sgdrSchedule: translation({ cosineKwargs: [] as readonly Options[] }, ({ cosineKwargs }) => ({
      name: "sgdr",
      options: { cycles: cosineKwargs.map(camelKeys) },
    })),
    joinSchedules: (given, plan) => {
      const { schedules, ...others } = given as { readonly schedules: readonly GoldenSchedule[] };
      const calls = schedules.map(({ schedule, opts }) => plan(schedule, opts));
      const waiting = calls.find((call) => call instanceof Waiting);
      return waiting ?? { name: "join", options: { ...others, schedules: calls } };
    },
  },
  fed: {},
  scheduleTolerance: 2e-5,
  exception: ({ name, options }) => {
    // Its ρ cancels in float32: 4.961 where 4.996 is right.
    if (/radam$/i.test(name) && options.b2 === 0.999) return { from: 5, tolerance: 2e-2 };
    if (name === "scaleByStddev" && options.biasCorrection === true) return { from: 0, tolerance: 1.5e-3 };
    // So does 1 − decayᵗ; what goes under a root loses half of it.
    const { b1 = 0, b2 = 0, decay = 0 } = options as Readonly<Record<string, number>>;
    const averaged = name === "ema" && options.debias === true ? decay : b1;
    const lost = Math.max(2 ** -24 / (1 - averaged), 2 ** -25 / (1 - b2));
    return lost > 4e-5 ? { from: 0, tolerance: 2e-5 + lost } : null;
  },
};
