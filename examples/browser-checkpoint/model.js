// @ts-check
// A network with one hidden layer that learns a curve, with its gradients by hand.

const HIDDEN = 32;
const BATCH = 64;

/** @typedef {ReturnType<typeof createParams>} Params */
/**
 * Parameters or gradients as an optimizer holds them.
 * @typedef {{ readonly [layer in keyof Params]: { readonly [name in keyof Params[layer]]: Float32Array } }} Views
 */

export const curve = (/** @type {number} */ x) => Math.sin(5 * x) * (0.3 + 0.5 * x * x);

/** Random numbers in [0, 1): the same for the same seed (mulberry32). */
function randomFrom(/** @type {number} */ seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function createParams() {
  const random = randomFrom(1);
  const uniform = (/** @type {number} */ length, /** @type {number} */ limit) =>
    Float32Array.from({ length }, () => (2 * random() - 1) * limit);
  return {
    hidden: { kernel: uniform(HIDDEN, 3), bias: uniform(HIDDEN, 3) },
    output: { kernel: uniform(HIDDEN, 0.2), bias: Float32Array.of(0) },
  };
}

/** The places of a batch, which depend on nothing but the step: training that goes on needs no other state. */
export function batchOf(/** @type {number} */ step) {
  const random = randomFrom(step);
  return Float32Array.from({ length: BATCH }, () => 2 * random() - 1);
}

/**
 * The network's value at x.
 * @param {Views} params
 * @param {number} x
 * @param {Float32Array} [values] takes the hidden values
 */
export function predict({ hidden, output }, x, values = new Float32Array(HIDDEN)) {
  let y = output.bias[0];
  for (let k = 0; k < HIDDEN; k++) {
    values[k] = Math.max(hidden.kernel[k] * x + hidden.bias[k], 0);
    y += output.kernel[k] * values[k];
  }
  return y;
}

/**
 * The mean square of the errors of a batch; its gradients go into `grads`.
 * @param {Views} params
 * @param {Views} grads
 * @param {Float32Array} batch
 */
export function lossAndGradients(params, { hidden, output }, batch) {
  for (const plane of [hidden.kernel, hidden.bias, output.kernel, output.bias]) plane.fill(0);
  const values = new Float32Array(HIDDEN);
  let loss = 0;
  for (const x of batch) {
    const error = predict(params, x, values) - curve(x);
    loss += error ** 2 / BATCH;
    const scaled = (2 * error) / BATCH;
    output.bias[0] += scaled;
    for (let k = 0; k < HIDDEN; k++) {
      output.kernel[k] += scaled * values[k];
      if (values[k] === 0) continue;
      hidden.kernel[k] += scaled * params.output.kernel[k] * x;
      hidden.bias[k] += scaled * params.output.kernel[k];
    }
  }
  return loss;
}
