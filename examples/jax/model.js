// @ts-check
// A multilayer perceptron in operations of jax-js. Every function owns its arguments: `.ref` keeps an array for one more use.

import { nn, numpy as np } from "@jax-js/jax";
import { CLASSES, PIXELS } from "../digits/data.js";

/** Inputs, hidden layers, outputs. */
export const SIZES = [PIXELS, 128, 64, CLASSES];

/** @typedef {{ kernel: np.Array, bias: np.Array }} Dense The kernel is inputs × outputs. */

/**
 * Fresh parameters: He's uniform initialisation (He and others, 2015) and biases of zero.
 *
 * @param {import("../digits/data.js").Random} random
 * @returns {Dense[]}
 */
export function createParams(random) {
  return SIZES.slice(1).map((outputs, layer) => {
    const inputs = SIZES[layer];
    const limit = Math.sqrt(6 / inputs);
    const numbers = Float32Array.from({ length: inputs * outputs }, () => (2 * random() - 1) * limit);
    return { kernel: np.array(numbers, { shape: [inputs, outputs] }), bias: np.zeros([outputs]) };
  });
}

/**
 * Scores of the classes, an example a row.
 *
 * @param {Dense[]} layers
 * @param {np.Array} images
 */
export function forward(layers, images) {
  return layers.reduce((input, { kernel, bias }, layer) => {
    const output = np.matmul(input, kernel).add(bias);
    return layer < layers.length - 1 ? nn.relu(output) : output;
  }, images);
}

/**
 * The mean cross-entropy.
 *
 * @param {Dense[]} layers
 * @param {np.Array} images
 * @param {np.Array} targets 1 for the class of an example, 0 for the others
 */
export function lossOf(layers, images, targets) {
  return nn.logSoftmax(forward(layers, images)).mul(targets).sum(-1).mean().neg();
}
