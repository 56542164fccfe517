// @ts-check
// What every engine computes: all optimizers among all that stands around them, 100 steps from a fixed seed, and the
// hash of what they come to. Nothing here but ECMAScript and WebAssembly: an engine may have no more.

import { sha256 } from "@noble/hashes/sha2.js";
import {
  accumulate,
  adabelief,
  adadelta,
  adagrad,
  adam,
  adamax,
  adamw,
  addNoise,
  averageParams,
  centralize,
  chain,
  clip,
  clipByGlobalNorm,
  constant,
  control,
  cosineDecay,
  ema,
  exponentialDecay,
  freeze,
  lamb,
  lion,
  lookahead,
  masked,
  noisySgd,
  partition,
  polynomialDecay,
  radam,
  reduceOnPlateau,
  rmsprop,
  scaleByAdam,
  scaleByLearningRate,
  scaleByState,
  scaleByTrustRatio,
  sgd,
  skipNonFinite,
  stateful,
  trace,
  yogi,
  zeroNans,
} from "lanestep";
import { join, linear, oneCycle, piecewiseConstant, sgdr, warmupCosine } from "lanestep/schedules";

/** @typedef {import("lanestep").BackendInfo["path"]} Path */
/**
 * Modules that were compiled ahead: `lanestep/kernels.wasm`, `lanestep/warmed.wasm`, and the loops of `updates`, which
 * `npx lanestep bake workload.mjs --export updates` links.
 * @typedef {{ kernels: WebAssembly.Module, warmed: WebAssembly.Module, loops: WebAssembly.Module }} Modules
 */
/**
 * `backend`: what `init` without options takes; `hashes`: by path, of those that this engine can take; `held` and
 * `dropped`: how many optimizers came to what they should.
 * @typedef {{
 *   backend: { name: string, path: Path, reason: string },
 *   hashes: { [path in Path]?: string },
 *   nsPerParameter: number,
 *   held: number,
 *   dropped: number,
 * }} Report
 */

const STEPS = 100;
const SIZE = 1_000_000;
const HELD = 1000;
const DROPPED = 10_000;

/** Counts its steps, and halves every third update: a rule in JavaScript among the loops. */
const halveEveryThird = stateful(
  () => ({ count: 0, last: new Float32Array(2) }),
  (/** @type {any} */ tree, { count, last }) => {
    const factor = count % 3 === 2 ? 0.5 : 1;
    const bias = tree.head.bias.map((/** @type {number} */ x) => x * factor);
    return [
      { ...tree, head: { ...tree.head, bias } },
      { count: count + 1, last: last.map((x) => x + bias[0]) },
    ];
  },
);

/** Chains of which `lanestep/warmed.wasm` alone has not all loops: with it they run over tiles. */
export const updates = {
  adabelief: chain(clip({ delta: 0.9 }), adabelief({ learningRate: cosineDecay({ initValue: 0.02, decaySteps: 80 }) })),
  adadelta: chain(ema({ decay: 0.4 }), adadelta({ rho: 0.8, eps: 1e-4 })),
  adagrad: chain(zeroNans(), trace({ decay: 0.7 }), adagrad({ learningRate: 0.05, initialAccumulatorValue: 0.2 })),
  adam: chain(
    clipByGlobalNorm({ maxNorm: 3 }),
    addNoise({ seed: 7, eta: 0.1 }),
    trace({ decay: 0.25 }),
    adam({ learningRate: warmupCosine({ initValue: 0, peakValue: 0.01, warmupSteps: 10, decaySteps: 90 }) }),
  ),
  adamax: chain(clip({ delta: 0.6 }), adamax({ b2: 0.98, learningRate: 0.01 }), averageParams({ decay: 0.75 })),
  adamw: chain(
    centralize(),
    clipByGlobalNorm({ maxNorm: 2 }),
    adamw({ learningRate: oneCycle({ peakValue: 0.02, transitionSteps: 95 }), decay: 0.1 }),
    averageParams({ decay: 0.9 }),
  ),
  lamb: skipNonFinite(chain(clipByGlobalNorm(), ema({ decay: 0.6 }), lamb({ decay: 0.02, minNorm: 0.1 }))),
  lion: chain(clipByGlobalNorm({ maxNorm: 4 }), trace({ decay: 0.3 }), lion({ learningRate: 0.01, decay: 0.1 })),
  noisySgd: chain(
    clip({ delta: 0.5 }),
    trace({ decay: 0.5 }),
    noisySgd({ learningRate: exponentialDecay({ initValue: 0.1, decayRate: 0.9, transitionSteps: 7 }), seed: 3 }),
  ),
  radam: accumulate(lookahead(radam({ b2: 0.9, threshold: 4 }), { every: 3, rate: 0.4 }), { every: 2 }),
  rmsprop: chain(
    masked(trace({ decay: 0.5, nesterov: true }), (path) => path !== "head/bias"),
    rmsprop({ centered: true, momentum: 0.8, learningRate: polynomialDecay({ initValue: 0.02, transitionSteps: 60 }) }),
    reduceOnPlateau({ patience: 4, factor: 0.5, minScale: 0.125 }),
  ),
  sgd: chain(
    halveEveryThird,
    ema({ decay: 0.3, debias: false }),
    sgd({
      momentum: 0.9,
      nesterov: true,
      learningRate: piecewiseConstant({ initValue: 0.05, boundariesAndScales: { 30: 0.5, 70: 0.1 } }),
    }),
  ),
  yogi: chain(
    clip({ delta: 0.75 }),
    yogi({
      learningRate: join({
        schedules: [linear({ initValue: 0, endValue: 0.01, transitionSteps: 20 }), constant()],
        boundaries: [20],
      }),
    }),
    scaleByState(control(0.75)),
  ),
  trustRatio: chain(
    trace({ decay: 0.2 }),
    scaleByAdam({ b1: 0.5, b2: 0.75 }),
    scaleByTrustRatio({ trustCoefficient: 0.5 }),
    scaleByLearningRate({
      learningRate: sgdr({
        cycles: [
          { peakValue: 0.02, warmupSteps: 5, decaySteps: 40 },
          { peakValue: 0.01, warmupSteps: 0, decaySteps: 60 },
        ],
      }),
    }),
  ),
  groups: skipNonFinite(
    chain(
      clipByGlobalNorm({ maxNorm: 5 }),
      partition(
        {
          frozen: freeze(),
          large: chain(addNoise({ seed: 11, gamma: 0.3 }), adamw({ decay: 0.05 })),
          small: accumulate(chain(clipByGlobalNorm(), sgd({ momentum: 0.5 })), { every: 3 }),
        },
        (path, { length }) => (path.startsWith("frozen") ? "frozen" : length > 1000 ? "large" : "small"),
      ),
      averageParams({ decay: 0.5, debias: true }),
    ),
  ),
};

/** They take gradients that are no numbers. */
const guarded = ["adagrad", "lamb", "groups"];

/** Leaves in shared memory; and one that is longer than a tile, for which all of them have a memory of their own. */
const small = () => ({
  head: { bias: Float32Array.of(1, -2, 0.5), scale: 2 },
  blocks: [7, 16, 31].map((rows) => ({ kernel: { shape: [rows, 5] }, bias: { data: [-1, 1], shape: [2] } })),
  scalar: { data: [0.25], shape: [] },
  frozen: { kernel: Float32Array.of(3, 4, 5, 6, 7) },
});
const large = () => ({ ...small(), embedding: { kernel: { shape: [161, 447] } } });

/** @param {unknown} tree @returns {Float32Array[]} */
const leavesOf = (tree) =>
  tree instanceof Float32Array ? [tree] : tree ? Object.values(/** @type {object} */ (tree)).flatMap(leavesOf) : [];

/** Multiples of 2^-19 in [-1, 1): gradients are pieces of it. */
const numbers = new Float32Array(2 ** 17);
for (let i = 0, x = 1; i < numbers.length; i++) {
  x = (Math.imul(x, 1664525) + 1013904223) | 0;
  numbers[i] = (x >> 12) / 2 ** 19;
}

/** @param {unknown} grads @param {number} step @param {boolean} hasNaN */
function writeGradients(grads, step, hasNaN) {
  for (const [index, leaf] of leavesOf(grads).entries()) {
    const begin = (step * 7919 + index * 10473) % (numbers.length - leaf.length);
    leaf.set(numbers.subarray(begin, begin + leaf.length));
    if (hasNaN) leaf[step % leaf.length] = Number.NaN;
  }
}

/**
 * The checkpoint behind 100 steps of an update, with another one in the middle from which it goes on.
 * @param {string} name @param {() => object} params @param {Path} path @param {object} options
 */
async function checkpointOf(name, params, path, options) {
  const update = updates[/** @type {keyof typeof updates} */ (name)];
  const first = await update.init(params(), options);
  if (first.backend.path !== path) throw new Error(`${name} took the path ${first.backend.path}, not ${path}`);
  let optimizer = first;
  for (let step = 0; step < STEPS; step++) {
    if (step === STEPS / 2) optimizer = await update.restore(first.save(), params(), options);
    writeGradients(optimizer.grads, step, guarded.includes(name) && step % 13 === 5);
    const told = { value: 1 + ((step * 37) % 19) };
    if (step % 5 === 4) {
      optimizer.update(optimizer.grads, told);
      optimizer.apply();
    } else {
      optimizer.step(optimizer.grads, told);
    }
  }
  const bytes = optimizer.save();
  if (!leavesOf(optimizer.params).every((leaf) => leaf.every(Number.isFinite))) throw new Error(`${name} came to NaN`);
  for (const one of [first, optimizer]) one.dispose();
  return bytes;
}

/** @param {Path} path @param {object} options */
async function hashOf(path, options) {
  const hash = sha256.create();
  for (const name of Object.keys(updates)) {
    for (const params of [small, large]) hash.update(await checkpointOf(name, params, path, options));
  }
  return Array.from(hash.digest(), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Whether this engine compiles WebAssembly at run time, as far as its page or its embedder lets it: WebKit always does, and
 * refuses the instance.
 */
function canCompile() {
  try {
    const module = new WebAssembly.Module(Uint8Array.of(0, 97, 115, 109, 1, 0, 0, 0));
    return Boolean(new WebAssembly.Instance(module));
  } catch {
    return false;
  }
}

/** Runs something as in an engine that compiles nothing. @template T @param {() => Promise<T>} run */
async function compilingNothing(run) {
  const { Module } = WebAssembly;
  WebAssembly.Module = new Proxy(Module, {
    construct() {
      throw new WebAssembly.CompileError("code generation disallowed");
    },
  });
  try {
    return await run();
  } finally {
    WebAssembly.Module = Module;
  }
}

/** By path. Linked loops are kept once they are compiled, so that path comes last. @param {Modules | null} modules */
async function hashesOf(modules) {
  /** @type {Report["hashes"]} */
  const hashes = {};
  if (modules) {
    const { kernels, warmed, loops } = modules;
    await compilingNothing(async () => {
      hashes.tiles = await hashOf("tiles", { kernels, module: warmed });
      hashes.warmed = await hashOf("warmed", { kernels, module: loops });
    });
  }
  if (canCompile()) {
    hashes.linked = await hashOf("linked", {});
  } else if (!modules) {
    const { path } = updates.adam.initSync(small()).backend;
    hashes[path] = await hashOf(path, {});
  }
  return hashes;
}

/** The median of several rounds. @param {() => number | Promise<number>} now */
async function time(now) {
  const optimizer = await chain(clipByGlobalNorm({ maxNorm: 1 }), adamw()).init({ w: { shape: [SIZE] } });
  optimizer.grads.w.fill(0.5);
  const rounds = [];
  for (let round = 0; round < 6; round++) {
    const begin = await now();
    for (let step = 0; step < 20; step++) optimizer.step();
    rounds.push(((await now()) - begin) / 20);
  }
  const { backend } = optimizer;
  optimizer.dispose();
  const [, , median = 0] = rounds.slice(1).sort((a, b) => b - a); // the first one warms up
  return { backend: { ...backend }, nsPerParameter: (median * 1e6) / SIZE };
}

/** Many optimizers, of which none is disposed of: in an engine that collects nothing they would not fit. */
function many() {
  const update = sgd({ learningRate: 0.5, momentum: 0.5 });
  /** @param {number} i */
  const make = (i) => {
    const optimizer = update.initSync({ w: new Float32Array(1 + ((i * 37) % 4000)).fill(i) });
    optimizer.grads.w.fill(2);
    optimizer.step();
    return optimizer;
  };
  /** @param {ReturnType<typeof make>} optimizer @param {number} expected */
  const holds = ({ params }, expected) => params.w.every((x) => x === expected);
  const held = Array.from({ length: HELD }, (_, i) => make(i));
  let dropped = 0;
  for (let i = 0; i < DROPPED; i++) if (holds(make(i), i - 1)) dropped += 1;
  const stillRight = held.filter(
    (optimizer, i) => holds(optimizer, i - 1) && optimizer.step() && holds(optimizer, i - 2.5),
  );
  return { held: stillRight.length, dropped };
}

/**
 * All of it. To be called once in a copy of the library, as that keeps the loops that it has linked.
 *
 * @param {Modules | null} modules null where there are none
 * @param {() => number | Promise<number>} now milliseconds
 * @returns {Promise<Report>}
 */
export async function report(modules, now) {
  const hashes = await hashesOf(modules);
  return { ...(await time(now)), hashes, ...many() };
}
