// PyTorch's learning rate schedulers.

import { call, camelKeys, type Dialect, type Fed, translation, Waiting } from "./dialect.ts";

const required = undefined as unknown as number;

/** Every scheduler multiplies or replaces the optimizer's learning rate. */
const rate = { learningRate: required };

/** Options for the momentum, which a schedule of its own would set here. */
const momenta = { cycleMomentum: true, baseMomentum: required, maxMomentum: required };

export const schedulers: Dialect["schedules"] = {
  StepLR: translation({ ...rate, stepSize: required, gamma: 0.1 }, ({ learningRate, stepSize, gamma }) =>
    call("exponentialDecay", {
      initValue: learningRate,
      decayRate: gamma,
      transitionSteps: stepSize,
      staircase: true,
    }),
  ),
  MultiStepLR: translation(
    { ...rate, milestones: [] as readonly number[], gamma: 0.1 },
    ({ learningRate, milestones, gamma }) => {
      // A milestone that stands twice multiplies twice.
      const scales: Record<number, number> = {};
      for (const milestone of milestones) scales[milestone] = (scales[milestone] ?? 1) * gamma;
      return call("piecewiseConstant", { initValue: learningRate, boundariesAndScales: scales });
    },
  ),
  ExponentialLR: translation({ ...rate, gamma: required }, ({ learningRate, gamma }) =>
    call("exponentialDecay", { initValue: learningRate, decayRate: gamma, transitionSteps: 1 }),
  ),
  LinearLR: translation(
    { ...rate, startFactor: 1 / 3, endFactor: 1, totalIters: 5 },
    ({ learningRate, startFactor, endFactor, totalIters }) =>
      call("linear", {
        initValue: learningRate * startFactor,
        endValue: learningRate * endFactor,
        transitionSteps: totalIters,
      }),
  ),
  ConstantLR: translation({ ...rate, factor: 1 / 3, totalIters: 5 }, ({ learningRate, factor, totalIters }) =>
    call("join", {
      schedules: [learningRate * factor, learningRate].map((initValue) => call("constant", { initValue })),
      boundaries: [totalIters],
    }),
  ),
  PolynomialLR: translation({ ...rate, totalIters: 5, power: 1 }, ({ learningRate, totalIters, power }) =>
    call("polynomialDecay", { initValue: learningRate, endValue: 0, transitionSteps: totalIters, power }),
  ),
  CosineAnnealingLR: translation({ ...rate, TMax: required, etaMin: 0 }, ({ learningRate, TMax, etaMin }) =>
    call("cyclic", { initValue: learningRate, peakValue: etaMin, stepsUp: TMax, interpolate: "cosine" }),
  ),
  CosineAnnealingWarmRestarts: translation(
    { ...rate, T0: required, TMult: 1, etaMin: 0 },
    ({ learningRate, T0, TMult, etaMin }) =>
      call("cosineRestarts", { initValue: learningRate, endValue: etaMin, decaySteps: T0, periodFactor: TMult }),
  ),
  OneCycleLR: translation(
    {
      ...rate,
      ...momenta,
      ...{ maxLr: required, totalSteps: null as number | null, epochs: required, stepsPerEpoch: required },
      ...{ pctStart: 0.3, annealStrategy: "cos", divFactor: 25, finalDivFactor: 1e4, threePhase: false },
    },
    ({ maxLr, totalSteps, epochs, stepsPerEpoch, pctStart, annealStrategy, divFactor, finalDivFactor, threePhase }) => {
      const total = totalSteps ?? epochs * stepsPerEpoch;
      return call("oneCycle", {
        ...{ peakValue: maxLr, transitionSteps: total - 1, divFactor, finalDivFactor },
        peakStep: pctStart * total - 1,
        returnStep: threePhase ? 2 * pctStart * total - 2 : null,
        interpolate: annealStrategy === "cos" ? "cosine" : annealStrategy,
      });
    },
  ),
  CyclicLR: translation(
    {
      ...rate,
      ...momenta,
      ...{ baseLr: required, maxLr: required, stepSizeUp: 2000, stepSizeDown: null as number | null },
      ...{ mode: "triangular", gamma: 1 },
    },
    ({ baseLr, maxLr, stepSizeUp, stepSizeDown, mode, gamma }) =>
      call("cyclic", {
        ...{ initValue: baseLr, peakValue: maxLr, stepsUp: stepSizeUp, stepsDown: stepSizeDown },
        cycleFactor: mode === "triangular2" ? 0.5 : 1,
        stepFactor: mode === "exp_range" ? gamma : 1,
      }),
  ),
};

/** Where PyTorch stops: a reduction by no more than `eps` is left out, and so is every later one. */
function smallest(learningRate: number, factor: number, minLr: number, eps: number): number {
  for (let now = learningRate; ; ) {
    const next = Math.max(factor * now, minLr);
    if (!(now - next > eps)) return now;
    now = next;
  }
}

const reduceOnPlateau = translation(
  {
    ...rate,
    ...{ mode: "min", factor: 0.1, patience: 10, threshold: 1e-4, thresholdMode: "rel", cooldown: 0 },
    ...{ minLr: 0 as number | readonly number[], eps: 1e-8 },
  },
  ({ learningRate, mode, factor, patience, threshold, thresholdMode, cooldown, minLr, eps }) => {
    const isRelative = thresholdMode === "rel";
    if (mode !== "min" && isRelative && threshold !== 0) {
      return new Waiting(
        "reduceOnPlateau makes a value small: of one that is made large it knows no relative threshold",
      );
    }
    const [low = 0, ...others] = [minLr].flat();
    if (others.length > 0) return new Waiting("there is one group of parameters");
    const options = {
      ...{ factor, cooldown, rtol: isRelative ? threshold : 0, atol: isRelative ? 0 : threshold },
      // So many epochs without improvement are let pass; here so many are counted.
      patience: patience + 1,
      minScale: smallest(learningRate, factor, low, eps) / learningRate,
    };
    return {
      learningRate,
      sign: mode === "min" ? 1 : -1,
      plan: [call("sgd", { learningRate }), call("reduceOnPlateau", options)],
    };
  },
);

export const fedSchedulers: Dialect["fed"] = {
  ReduceLROnPlateau(given, metrics): Fed | Waiting {
    const planned = reduceOnPlateau(camelKeys(given));
    if (planned instanceof Waiting) return planned;
    const { sign, ...same } = planned;
    return { ...same, told: metrics.map((value) => sign * Number(value)) };
  },
};
