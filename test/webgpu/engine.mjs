// @ts-check
// What an engine's own WebGPU makes of every shader: chains with all bodies, reductions and kernels, against wasm in the
// same engine. It runs in browsers, too: see browser.mjs.

/** @typedef {typeof import("../../src/index.ts")} Lanestep */

/** Relative to a leaf's largest magnitude, after the last step. */
export const TOLERANCE = 2e-5;

const STEPS = 8;

/** @param {number} length @param {number} by */
const wave = (length, by) => Float32Array.from({ length }, (_, i) => Math.sin(i * by + by));

/** @param {number} by */
const tree = (by) => ({
  kernel: { data: wave(5000, by), shape: [50, 100] },
  wide: { data: wave(3 * 5003, 0.7 * by), shape: [3, 5003] },
  bias: wave(9, 0.3 * by),
  scale: Math.cos(by),
});

/** @param {Lanestep} l */
const chains = (l) => ({
  adadelta: l.adadelta(),
  adamax: l.adamax({ learningRate: 0.01 }),
  adamw: l.chain(l.clipByGlobalNorm({ maxNorm: 0.5 }), l.adamw({ learningRate: 0.01, decay: 0.1 })),
  adabelief: l.chain(l.zeroNans(), l.clip({ delta: 0.9 }), l.adabelief({ learningRate: 0.01 })),
  radam: l.radam({ learningRate: 0.01 }),
  yogi: l.yogi({ learningRate: 0.01 }),
  rmsprop: l.chain(
    l.clipByGlobalNorm({ maxNorm: 0.5, order: Number.POSITIVE_INFINITY }),
    l.rmsprop({ learningRate: 0.01 }),
  ),
  stddev: l.chain(l.scaleByStddev(), l.ema({ decay: 0.5 }), l.scale(-0.01)),
  adagrad: l.lookahead(l.adagrad({ learningRate: 0.01 }), { every: 3 }),
  lamb: l.chain(l.lamb({ learningRate: 0.01, decay: 0.1 }), l.averageParams({ decay: 0.9 })),
  lion: l.lion({ learningRate: 0.01 }),
  noisySgd: l.noisySgd({ learningRate: 0.01 }),
  centralized: l.chain(l.centralize(), l.trace({ nesterov: true }), l.scale(-0.01)),
  momentum: l.accumulate(l.chain(l.addDecayedWeights({ decay: 0.1 }), l.trace(), l.scale(-0.01)), { every: 2 }),
  groups: l.chain(
    l.clipByGlobalNorm({ maxNorm: 1 }),
    l.partition({ a: l.adam(), b: l.sgd(), c: l.freeze() }, { kernel: "a", wide: "b", bias: "a", scale: "c" }),
  ),
});

/**
 * @param {Lanestep} lanestep
 * @param {object} [device] without it lanestep requests one
 * @returns {Promise<Record<string, number>>} by chain, the largest deviation from wasm
 */
export async function deviations(lanestep, device) {
  /** @type {Record<string, number>} */
  const found = {};
  for (const [name, update] of Object.entries(chains(lanestep))) {
    const wasm = update.initSync(tree(0.1), { backend: "wasm" });
    const gpu = await update.init(tree(0.1), {
      backend: "webgpu",
      ...(device ? { device: /** @type {GPUDevice} */ (device) } : {}),
    });
    for (let step = 0; step < STEPS; step++) {
      wasm.step(tree(0.2 + step));
      gpu.step(tree(0.2 + step));
    }
    const params = await gpu.read("params");
    let worst = 0;
    for (const [leaf, expected] of Object.entries(wasm.params)) {
      const largest = expected.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      const own = /** @type {Record<string, Float32Array>} */ (params)[leaf];
      expected.forEach((x, i) => {
        const error = Math.abs((own?.[i] ?? Number.NaN) - x) / largest;
        if (!(error <= worst)) worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
      });
    }
    found[name] = worst;
    gpu.dispose();
  }
  return found;
}

/** What is out of tolerance, in words; nothing if all is well. @param {Record<string, number>} found */
export const failures = (found) =>
  Object.entries(found).flatMap(([name, worst]) => (worst <= TOLERANCE ? [] : [`${name} is off by ${worst}`]));
