// @ts-check
// What is to be learned: points around ten centres, by the centre that they belong to.

export const BATCH = 64;
export const INPUTS = 512;
export const CLASSES = 10;

/** Uniform numbers in [0, 1): T. Ettinger's mulberry32. @param {number} seed */
function uniform(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), a | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Close to normal ones. @param {() => number} random */
const normal = (random) => random() + random() + random() + random() - 2;

const centres = (() => {
  const random = uniform(1);
  return Float32Array.from({ length: CLASSES * INPUTS }, () => 0.25 * normal(random));
})();

/** The same for the same step. @param {number} step */
export function batchOf(step) {
  const random = uniform(1000 + step);
  const labels = Uint32Array.from({ length: BATCH }, () => Math.floor(random() * CLASSES));
  const x = Float32Array.from({ length: BATCH * INPUTS }, (_, i) => {
    const label = /** @type {number} */ (labels[Math.floor(i / INPUTS)]);
    return /** @type {number} */ (centres[label * INPUTS + (i % INPUTS)]) + normal(random);
  });
  return { x, labels };
}

/** Weights to begin with. @param {number} hidden */
export function createParams(hidden) {
  const random = uniform(2);
  const kernel = (/** @type {number} */ rows, /** @type {number} */ columns) => ({
    data: Float32Array.from({ length: rows * columns }, () => normal(random) * Math.sqrt(2 / rows)),
    shape: [rows, columns],
  });
  return {
    hidden: { kernel: kernel(INPUTS, hidden), bias: new Float32Array(hidden) },
    output: { kernel: kernel(hidden, CLASSES), bias: new Float32Array(CLASSES) },
  };
}
