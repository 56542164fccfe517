// @ts-check
// A multilayer perceptron by hand. It owns no arrays: it reads the optimizer's parameters and writes its gradients.

import { CLASSES, PIXELS } from "./data.js";

/** Inputs, hidden layers, outputs. */
export const SIZES = [PIXELS, 128, 64, CLASSES];

/** @typedef {{ kernel: Float32Array, bias: Float32Array }} Dense A layer; the kernel is inputs × outputs, row by row. */

/**
 * Fresh parameters: He's uniform initialisation (He and others, 2015) and biases of zero.
 *
 * @param {readonly number[]} sizes inputs, hidden layers, outputs
 * @param {import("./data.js").Random} random
 */
export function createParams(sizes, random) {
  return sizes.slice(1).map((outputs, layer) => {
    const inputs = sizes[layer];
    const limit = Math.sqrt(6 / inputs);
    const data = Float32Array.from({ length: inputs * outputs }, () => (2 * random() - 1) * limit);
    return { kernel: { data, shape: [inputs, outputs] }, bias: new Float32Array(outputs) };
  });
}

/**
 * What goes into each layer, the images first, and last what comes out: class probabilities. An example is a row.
 *
 * @param {readonly Dense[]} layers
 * @param {Float32Array} images
 */
export function forward(layers, images) {
  const activations = [images];
  for (const { kernel, bias } of layers) {
    const input = activations[activations.length - 1];
    const [inputs, outputs] = [kernel.length / bias.length, bias.length];
    const output = new Float32Array((input.length / inputs) * outputs);
    for (let o = 0; o < output.length; o++) output[o] = bias[o % outputs];
    for (let i = 0; i < input.length; i++) {
      const unit = input[i];
      // Most pixels are blank, and half of the hidden units are off.
      if (unit === 0) continue;
      const row = Math.floor(i / inputs) * outputs;
      const weights = (i % inputs) * outputs;
      for (let o = 0; o < outputs; o++) output[row + o] += unit * kernel[weights + o];
    }
    if (activations.length < layers.length) rectify(output);
    else softmax(output, outputs);
    activations.push(output);
  }
  return activations;
}

/**
 * Writes the gradients of the mean cross-entropy into `grads`, and returns that mean.
 *
 * @param {readonly Dense[]} layers
 * @param {readonly Dense[]} grads
 * @param {readonly Float32Array[]} activations from `forward`
 * @param {Uint8Array} labels
 */
export function backward(layers, grads, activations, labels) {
  const probabilities = activations[layers.length];
  const classes = probabilities.length / labels.length;
  // The loss's derivative by what the layer at hand puts out, before its activation function.
  let delta = probabilities.map((probability) => probability / labels.length);
  labels.forEach((label, example) => {
    delta[example * classes + label] -= 1 / labels.length;
  });
  for (let layer = layers.length - 1; layer >= 0; layer--) {
    delta = backwardLayer(layers[layer], grads[layer], activations[layer], delta);
  }
  return crossEntropy(probabilities, labels);
}

/**
 * The mean over all examples.
 *
 * @param {Float32Array} probabilities row by row
 * @param {Uint8Array} labels
 */
export function crossEntropy(probabilities, labels) {
  const classes = probabilities.length / labels.length;
  let loss = 0;
  labels.forEach((label, example) => {
    // A probability may round to zero.
    loss -= Math.log(Math.max(probabilities[example * classes + label], 1e-30)) / labels.length;
  });
  return loss;
}

/**
 * Writes one layer's gradients, and returns the delta of the layer before it.
 *
 * @param {Dense} layer
 * @param {Dense} grad
 * @param {Float32Array} input
 * @param {Float32Array} delta
 */
function backwardLayer({ kernel, bias }, grad, input, delta) {
  const [inputs, outputs] = [kernel.length / bias.length, bias.length];
  const previous = new Float32Array(input.length);
  const gradient = grad.kernel.fill(0);
  grad.bias.fill(0);
  for (let o = 0; o < delta.length; o++) grad.bias[o % outputs] += delta[o];
  for (let i = 0; i < input.length; i++) {
    const unit = input[i];
    // A unit that is off has no part in the loss, and its rectifier lets no derivative through.
    if (unit === 0) continue;
    const row = Math.floor(i / inputs) * outputs;
    const weights = (i % inputs) * outputs;
    let sum = 0;
    for (let o = 0; o < outputs; o++) {
      gradient[weights + o] += unit * delta[row + o];
      sum += kernel[weights + o] * delta[row + o];
    }
    previous[i] = sum;
  }
  return previous;
}

/**
 * What the model takes each image for, and how sure it is.
 *
 * @param {readonly Dense[]} layers
 * @param {Float32Array} images
 */
export function classify(layers, images) {
  const probabilities = forward(layers, images)[layers.length];
  const classes = layers[layers.length - 1].bias.length;
  return Array.from({ length: probabilities.length / classes }, (_, example) => {
    const row = probabilities.subarray(example * classes, (example + 1) * classes);
    const confidence = Math.max(...row);
    return { answer: row.indexOf(confidence), confidence };
  });
}

/** @param {Float32Array} values */
function rectify(values) {
  for (let i = 0; i < values.length; i++) values[i] = Math.max(0, values[i]);
}

/**
 * @param {Float32Array} values made probabilities, row by row
 * @param {number} classes in a row
 */
function softmax(values, classes) {
  for (let begin = 0; begin < values.length; begin += classes) {
    const row = values.subarray(begin, begin + classes);
    const max = Math.max(...row);
    row.forEach((value, c) => {
      row[c] = Math.exp(value - max);
    });
    const sum = row.reduce((total, value) => total + value, 0);
    row.forEach((value, c) => {
      row[c] = value / sum;
    });
  }
}
