// @ts-check
// Softmax regression by hand. It owns no arrays: it reads the optimizer's parameters and writes its gradients.

import { CLASSES, PIXELS } from "./stream.js";

/** @typedef {{ readonly kernel: Float32Array, readonly bias: Float32Array }} Views */

export const createParams = () => ({ kernel: { shape: [PIXELS, CLASSES] }, bias: { shape: [CLASSES] } }); // zeros

/**
 * How likely each class is.
 * @param {Views} params
 * @param {Float32Array} pixels
 */
export function probabilities({ kernel, bias }, pixels) {
  const scores = Array.from(bias);
  pixels.forEach((pixel, i) => {
    for (let c = 0; c < CLASSES; c++) scores[c] += pixel * kernel[i * CLASSES + c];
  });
  const max = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - max));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/**
 * The mean cross-entropy of a batch; its gradients go into `grads`.
 * @param {Views} params
 * @param {Views} grads
 * @param {readonly import("./stream.js").Digit[]} batch
 */
export function lossAndGradients(params, { kernel, bias }, batch) {
  kernel.fill(0);
  bias.fill(0);
  let loss = 0;
  for (const { pixels, label } of batch) {
    const errors = probabilities(params, pixels);
    loss -= Math.log(Math.max(errors[label], 1e-30)) / batch.length;
    errors[label]--;
    errors.forEach((error, c) => {
      bias[c] += error / batch.length;
      for (let i = 0; i < PIXELS; i++) kernel[i * CLASSES + c] += (error / batch.length) * pixels[i];
    });
  }
  return loss;
}
