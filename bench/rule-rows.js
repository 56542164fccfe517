// @ts-check
// What `--rules` times: a line for each rule and optimizer.

import * as lanestep from "lanestep";

/** @import { Update } from "lanestep" */

/**
 * @typedef {object} Row
 * @property {string} name
 * @property {() => Update} update
 * @property {string} native the rule of `native/rules.c`
 * @property {Record<string, number>} settings of that
 * @property {string} moves the rule of `native/rules.c` that only moves the planes that this one must move
 * @property {"roots" | "doubleRoots" | null} roots the loop of `assembly/floor.ts` with its divisions and roots
 * @property {number[]} leaf the shape of one leaf; empty for one that holds all parameters
 * @property {{ update: () => Update, limits: Record<number, number> } | null} without
 *   the chain that it should cost little more than, and how much, by parameters
 */

/** Names of contenders. */
export const ROOTS = "its divisions and roots";
export const MOVES = "its bytes moved";
export const WITHOUT = "the chain without it";

const M = 1 << 20;

const {
  accumulate,
  adabelief,
  adadelta,
  adagrad,
  adam,
  adamax,
  adamw,
  addDecayedWeights,
  addNoise,
  averageParams,
  centralize,
  chain,
  clip,
  clipByGlobalNorm,
  ema,
  lamb,
  lion,
  lookahead,
  noisySgd,
  radam,
  rmsprop,
  scale,
  scaleByAdadelta,
  scaleByAdam,
  scaleByAdamax,
  scaleByBelief,
  scaleByLion,
  scaleByRadam,
  scaleByRms,
  scaleByRss,
  scaleByStddev,
  scaleByTrustRatio,
  scaleByYogi,
  sgd,
  trace,
  yogi,
  zeroNans,
} = lanestep;

/** Large, so that ten steps change parameters by more than their rounding; small where a trust ratio makes them grow. */
const learningRate = 0.1;
const trusted = { learningRate: 0.005 };

const adamOptions = { b1: 0.9, b2: 0.999, eps: 1e-8, epsRoot: 1e-15 };
const adamaxOptions = { b1: 0.9, b2: 0.999, eps: 1e-8 };
const beliefOptions = { b1: 0.9, b2: 0.999, eps: 0, epsRoot: 1e-16 };
const lionOptions = { b1: 0.9, b2: 0.99 };
const radamOptions = { b1: 0.9, b2: 0.999, eps: 1e-8, epsRoot: 0, threshold: 5 };
const yogiOptions = { b1: 0.9, b2: 0.999, eps: 1e-8, epsRoot: 0 };
const adadeltaOptions = { rho: 0.9, eps: 1e-6 };
const adadeltaSettings = { learningRate: 1, decay: 0.9, eps: 1e-6 };
const rmsOptions = { decay: 0.9, eps: 1e-8 };
const decayed = { decay: 0.01 };
/** A norm of a gradient is 300 at 1 M parameters, 1,200 at 16 M. */
const clipped = { maxNorm: 100 };
const noise = { eta: 0.01, gamma: 0.55 };
/** Two steps that are made of four gradients each, for the comparison of the parameters; then it only gathers. */
const every = (/** @type {number} */ step) => (step < 2 ? 4 : 2 ** 40);

const SQUARE = [256, 256];
const columns = 256;
const leaf = 256 * 256;

/**
 * @param {string} name
 * @param {() => Update} update
 * @param {string} native
 * @param {Record<string, number>} settings
 * @param {Pick<Row, "moves"> & Partial<Row>} rest
 * @returns {Row}
 */
const row = (name, update, native, settings, rest) => ({
  name,
  update,
  native,
  settings: { learningRate, ...settings },
  roots: null,
  leaf: [],
  without: null,
  ...rest,
});

const scaled = (/** @type {Update} */ update, rate = learningRate) => chain(update, scale(-rate));

const stateless = { moves: "move0" };
const oneSlot = { moves: "move1" };
const oneSlotRoots = { moves: "move1", roots: /** @type {const} */ ("roots") };
const twoSlots = { moves: "move2" };
const twoSlotRoots = { moves: "move2", roots: /** @type {const} */ ("roots") };
const noisy = { moves: "move0", roots: /** @type {const} */ ("doubleRoots") };

const adamRow = () => adam({ learningRate, ...adamOptions });
const beliefRow = () => adabelief({ learningRate, ...beliefOptions });
const sgdRow = () => sgd({ learningRate });
const yogiSettings = { ...yogiOptions, initial: 1e-6 };
const rssSettings = { eps: 1e-7, initial: 0.1 };

/** @type {Row[]} */
export const rows = [
  row("scale", () => scale(-learningRate), "scale", {}, stateless),
  row("addDecayedWeights", () => scaled(addDecayedWeights(decayed)), "addDecayedWeights", decayed, stateless),
  row("clip", () => scaled(clip({ delta: 0.25 })), "clip", { delta: 0.25 }, stateless),
  row("zeroNans", () => scaled(zeroNans()), "zeroNans", { nanEvery: 1009 }, stateless),
  row("trace", () => scaled(trace()), "trace", { decay: 0.9 }, oneSlot),
  row("trace, nesterov", () => scaled(trace({ nesterov: true })), "nesterov", { decay: 0.9 }, oneSlot),
  row("ema", () => scaled(ema({ decay: 0.9 })), "ema", { decay: 0.9 }, oneSlot),
  row(
    "averageParams",
    () => chain(scale(-learningRate), averageParams()),
    "average",
    { decay: 0.999, fromParams: 1 },
    oneSlot,
  ),
  row(
    "lookahead, every step",
    () => lookahead(scale(-learningRate), { every: 1 }),
    "lookahead",
    { rate: 0.5, fromParams: 1 },
    oneSlot,
  ),
  row("accumulate, gathering", () => accumulate(sgdRow(), { every }), "accumulate", { every: 4 }, { moves: "moveSum" }),
  row("scaleByAdadelta", () => scaled(scaleByAdadelta(adadeltaOptions), 1), "adadelta", adadeltaSettings, twoSlotRoots),
  row("scaleByRms", () => scaled(scaleByRms(rmsOptions)), "rms", rmsOptions, oneSlotRoots),
  row("scaleByRss", () => scaled(scaleByRss()), "rss", rssSettings, oneSlotRoots),
  row("scaleByStddev", () => scaled(scaleByStddev(rmsOptions)), "stddev", rmsOptions, twoSlotRoots),
  row("scaleByAdam", () => scaled(scaleByAdam(adamOptions)), "adam", adamOptions, twoSlotRoots),
  row("scaleByAdamax", () => scaled(scaleByAdamax(adamaxOptions)), "adamax", adamaxOptions, twoSlots),
  row("scaleByBelief", () => scaled(scaleByBelief(beliefOptions)), "belief", beliefOptions, twoSlotRoots),
  row("scaleByLion", () => scaled(scaleByLion(lionOptions)), "lion", lionOptions, oneSlot),
  row("scaleByRadam", () => scaled(scaleByRadam(radamOptions)), "radam", radamOptions, twoSlotRoots),
  row("scaleByYogi", () => scaled(scaleByYogi(yogiOptions)), "yogi", yogiSettings, twoSlotRoots),
  row("addNoise", () => scaled(addNoise(noise)), "noise", { ...noise, noiseScale: -learningRate, rule: 0 }, noisy),
  row(
    "clipByGlobalNorm",
    () => chain(clipByGlobalNorm(clipped), scale(-1)), // what is left of a gradient is little
    "clippedScale",
    { ...clipped, learningRate: 1 },
    { moves: "clippedMove0" },
  ),
  row(
    "clipByGlobalNorm, adam",
    () => chain(clipByGlobalNorm(clipped), adamRow()),
    "clippedAdam",
    { ...adamOptions, ...clipped },
    { moves: "clippedMove2", roots: "roots", without: { update: adamRow, limits: { [16 * M]: 1.3 } } },
  ),
  row(
    "scaleByTrustRatio",
    () => scaled(scaleByTrustRatio(), trusted.learningRate),
    "trust",
    { ...trusted, leaf },
    { ...stateless, leaf: SQUARE },
  ),
  row(
    "centralize",
    () => scaled(centralize()),
    "centralize",
    { columns },
    { ...stateless, leaf: SQUARE, without: { update: sgdRow, limits: { [M]: 1.2, [16 * M]: 1.2 } } },
  ),
  row("adabelief", beliefRow, "belief", beliefOptions, twoSlotRoots),
  row("adadelta", () => adadelta(adadeltaOptions), "adadelta", adadeltaSettings, twoSlotRoots),
  row("adagrad", () => adagrad({ learningRate }), "rss", rssSettings, oneSlotRoots),
  row("adam", adamRow, "adam", adamOptions, twoSlotRoots),
  row("adamax", () => adamax({ learningRate, ...adamaxOptions }), "adamax", adamaxOptions, twoSlots),
  row(
    "adamw",
    () => adamw({ learningRate, ...adamOptions, ...decayed }),
    "adamw",
    { ...adamOptions, ...decayed },
    twoSlotRoots,
  ),
  row(
    "lamb",
    () => lamb({ ...trusted, ...adamOptions, ...decayed }),
    "lamb",
    { ...adamOptions, ...decayed, ...trusted, leaf },
    {
      ...twoSlotRoots,
      leaf: SQUARE,
      without: {
        update: () => adamw({ ...trusted, ...adamOptions, ...decayed }),
        limits: { [M]: 1.2, [16 * M]: 1.2 },
      },
    },
  ),
  row(
    "lion",
    () => lion({ learningRate, ...lionOptions, ...decayed }),
    "lion",
    { ...lionOptions, ...decayed },
    oneSlot,
  ),
  row("noisySgd", () => noisySgd({ learningRate, ...noise }), "noise", { ...noise, noiseScale: 1, rule: 1 }, noisy),
  row("radam", () => radam({ learningRate, ...radamOptions }), "radam", radamOptions, twoSlotRoots),
  row("rmsprop", () => rmsprop({ learningRate, ...rmsOptions }), "rms", rmsOptions, oneSlotRoots),
  row(
    "rmsprop, centered",
    () => rmsprop({ learningRate, ...rmsOptions, centered: true }),
    "stddev",
    rmsOptions,
    twoSlotRoots,
  ),
  row(
    "rmsprop, momentum",
    () => rmsprop({ learningRate, ...rmsOptions, momentum: 0.9 }),
    "rmsTrace", // its trace decays as its squares do
    rmsOptions,
    twoSlotRoots,
  ),
  row("sgd", sgdRow, "scale", {}, stateless),
  row("sgd, momentum", () => sgd({ learningRate, momentum: 0.9 }), "trace", { decay: 0.9 }, oneSlot),
  row("yogi", () => yogi({ learningRate, ...yogiOptions }), "yogi", yogiSettings, twoSlotRoots),
];
