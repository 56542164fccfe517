// PyTorch's optimizers as chains of this library's rules, where they can say the formula exactly.

import { type Call, call, camelKeys, type Plan, translation, Waiting } from "./dialect.ts";
import type { Options, TorchOptimizer } from "./format.ts";

/** How it runs, not what it computes. */
const ways = { foreach: null, capturable: false, differentiable: false, fused: null };
const common = { lr: 1e-3, weightDecay: 0, maximize: false, ...ways };
const moments = { ...common, betas: [0.9, 0.999] as readonly [number, number], eps: 1e-8 };

/** The gradients' sign, and the decay that goes through the rule behind it. */
const beginning = ({ maximize, weightDecay }: typeof common): Plan => [
  ...(maximize ? [call("scale", { step: -1 })] : []),
  ...(weightDecay === 0 ? [] : [call("addDecayedWeights", { decay: weightDecay })]),
];

const ending = (learningRate: unknown): Call => call("scaleByLearningRate", { learningRate });

/** A rule with weight decay in front of it, or behind it. */
function decayed(given: typeof common & { readonly decoupledWeightDecay: boolean }, rule: Call): Plan {
  if (!given.decoupledWeightDecay) return [...beginning(given), rule, ending(given.lr)];
  const decay = call("addDecayedWeights", { decay: given.weightDecay });
  return [...beginning({ ...given, weightDecay: 0 }), rule, decay, ending(given.lr)];
}

/**
 * x / (√s + eps) with s from squares alone, which scaleByRms and scaleByRss do not have: they add eps under the root.
 * Adam without a first moment is x / (√(v / c) + e) with c = 1 − b2ᵗ; so if s is k·v + s₀ at a step, e is eps / √(k·c),
 * what stands under the root besides is s₀ / (k·c), and the whole is divided by √(k·c).
 *
 * @param at of a step counted from 1: b2 and k
 */
function overRoot(at: (t: number) => { readonly b2: number; readonly k: number }, eps: number, initial: number): Plan {
  const spread = (step: number) => {
    const { b2, k } = at(step + 1);
    return k * (1 - b2 ** (step + 1));
  };
  return [
    call("scaleByAdam", {
      ...{ b1: 0, b2: (step: number) => at(step + 1).b2, eps: (step: number) => eps / Math.sqrt(spread(step)) },
      epsRoot: (step: number) => initial / spread(step),
    }),
    call("scaleBySchedule", { schedule: (step: number) => 1 / Math.sqrt(spread(step)) }),
  ];
}

const optimizers: Readonly<Record<string, (given: Options) => Plan | Waiting>> = {
  SGD: translation({ ...common, momentum: 0, dampening: 0, nesterov: false }, (given) => {
    const { lr, momentum, dampening, nesterov } = given;
    if (momentum === 0) return [...beginning(given), ending(lr)];
    // The first gradient is not dampened.
    const dampened = call("scaleBySchedule", { schedule: (step: number) => (step === 0 ? 1 : 1 - dampening) });
    const trace = call("trace", { decay: momentum, nesterov });
    return [...beginning(given), ...(dampening === 0 ? [] : [dampened]), trace, ending(lr)];
  }),
  Adam: adam({ decoupledWeightDecay: false, weightDecay: 0 }),
  AdamW: adam({ decoupledWeightDecay: true, weightDecay: 1e-2 }),
  Adamax: translation(moments, (given) => {
    const [b1, b2] = given.betas;
    return [...beginning(given), call("scaleByAdamax", { b1, b2, eps: given.eps }), ending(given.lr)];
  }),
  Adadelta: translation({ ...common, lr: 1, rho: 0.9, eps: 1e-6 }, (given) => {
    const { lr, rho, eps } = given;
    return [...beginning(given), call("scaleByAdadelta", { rho, eps }), ending(lr)];
  }),
  RAdam: translation({ ...moments, decoupledWeightDecay: false }, (given) => {
    const [b1, b2] = given.betas;
    // Its eps is added to the root before the correction; its rectification begins above 5, not at 5.
    const eps = (step: number) => given.eps / Math.sqrt(1 - b2 ** (step + 1));
    const threshold = 5 * (1 + Number.EPSILON);
    return decayed(given, call("scaleByRadam", { b1, b2, eps, epsRoot: 0, threshold }));
  }),
  Adagrad: translation({ ...common, lr: 1e-2, lrDecay: 0, initialAccumulatorValue: 0, eps: 1e-10 }, (given) => {
    const { lr, lrDecay, initialAccumulatorValue, eps } = given;
    // With b2 = (t − 1) / t v is the mean of all squares.
    const rule = overRoot((t) => ({ b2: (t - 1) / t, k: t }), eps, initialAccumulatorValue);
    return [...beginning(given), ...rule, ending((step: number) => lr / (1 + step * lrDecay))];
  }),
  RMSprop: translation({ ...common, lr: 1e-2, alpha: 0.99, eps: 1e-8, momentum: 0, centered: false }, (given) => {
    const { lr, alpha, eps, momentum, centered } = given;
    if (centered) return new Waiting("scaleByStddev adds eps under the root, PyTorch's centered RMSprop to the root");
    const trace = momentum === 0 ? [] : [call("trace", { decay: momentum })];
    return [...beginning(given), ...overRoot(() => ({ b2: alpha, k: 1 }), eps, 0), ...trace, ending(lr)];
  }),
  // The average that it keeps does not come back to the parameters, nor does alpha's start t0.
  ASGD: translation({ ...common, lr: 1e-2, lambd: 1e-4, alpha: 0.75, t0: 1e6 }, (given) => {
    const { lr, lambd, alpha, weightDecay } = given;
    const rate = (step: number) => lr / (1 + lambd * lr * step) ** alpha;
    return [...beginning({ ...given, weightDecay: weightDecay + lambd }), ending(rate)];
  }),
};

function adam(own: { readonly decoupledWeightDecay: boolean; readonly weightDecay: number }) {
  return translation({ ...moments, ...own, amsgrad: false }, (given) => {
    const { betas, eps, amsgrad } = given;
    if (amsgrad) return new Waiting("there is no scaleByAmsgrad");
    return decayed(given, call("scaleByAdam", { b1: betas[0], b2: betas[1], eps, epsRoot: 0 }));
  });
}

const clipNorm = translation(
  { maxNorm: 1, normType: 2 as number | string, errorIfNonfinite: false, foreach: null },
  ({ maxNorm, normType }) => {
    const order = normType === "inf" || normType === "Infinity" ? Number.POSITIVE_INFINITY : Number(normType);
    if (order !== 2 && order !== Number.POSITIVE_INFINITY) {
      return new Waiting(`clipByGlobalNorm has no norm of order ${normType}`);
    }
    return call("clipByGlobalNorm", { maxNorm, order });
  },
);

const clipValue = translation({ clipValue: 1, foreach: null }, ({ clipValue }) => call("clip", { delta: clipValue }));

export function planTorch({ name, opts = {}, clip, ...others }: TorchOptimizer): Plan | Waiting {
  const beside = Object.keys(others)[0];
  if (beside !== undefined) return new Waiting(`PyTorch's ${name} takes no ${beside}`);
  const known = Object.hasOwn(optimizers, name) ? optimizers[name]! : null;
  if (!known) return new Waiting(`no chain of rules here says PyTorch's ${name}`);
  const plan = known(camelKeys(opts));
  if (plan instanceof Waiting || !clip) return plan;
  const clipping = (Object.hasOwn(clip, "clip_value") ? clipValue : clipNorm)(camelKeys(clip));
  return clipping instanceof Waiting ? clipping : [clipping, ...plan];
}
