// @ts-check
// The same network in JavaScript.

import { BATCH, CLASSES, INPUTS } from "./data.js";

/** @typedef {import("lanestep").Views<ReturnType<typeof import("./data.js").createParams>>} Views */

/**
 * Writes the gradients.
 *
 * @param {Views} params
 * @param {Views} grads
 * @param {ReturnType<typeof import("./data.js").batchOf>} batch
 * @returns {number} the loss
 */
export function lossAndGradients(params, grads, { x, labels }) {
  const hidden = params.hidden.bias.length;
  const [w1, b1] = [params.hidden.kernel, params.hidden.bias];
  const [w2, b2] = [params.output.kernel, params.output.bias];
  const [dw1, db1] = [grads.hidden.kernel, grads.hidden.bias];
  const [dw2, db2] = [grads.output.kernel, grads.output.bias];
  for (const grad of [dw1, db1, dw2, db2]) grad.fill(0);
  const h = new Float32Array(hidden);
  const dh = new Float32Array(hidden);
  const logits = new Float32Array(CLASSES);
  let loss = 0;
  for (let b = 0; b < BATCH; b++) {
    h.set(b1);
    for (let i = 0; i < INPUTS; i++) {
      const value = x[b * INPUTS + i];
      for (let j = 0; j < hidden; j++) h[j] += value * w1[i * hidden + j];
    }
    logits.set(b2);
    for (let j = 0; j < hidden; j++) {
      h[j] = Math.max(h[j], 0);
      for (let c = 0; c < CLASSES; c++) logits[c] += h[j] * w2[j * CLASSES + c];
    }
    const most = Math.max(...logits);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit - most), 0);
    loss += Math.log(total) + most - logits[labels[b]];
    dh.fill(0);
    for (let c = 0; c < CLASSES; c++) {
      const d = (Math.exp(logits[c] - most) / total - (c === labels[b] ? 1 : 0)) / BATCH;
      db2[c] += d;
      for (let j = 0; j < hidden; j++) {
        dw2[j * CLASSES + c] += h[j] * d;
        if (h[j] > 0) dh[j] += d * w2[j * CLASSES + c];
      }
    }
    for (let j = 0; j < hidden; j++) db1[j] += dh[j];
    for (let i = 0; i < INPUTS; i++) {
      const value = x[b * INPUTS + i];
      for (let j = 0; j < hidden; j++) dw1[i * hidden + j] += value * dh[j];
    }
  }
  return loss / BATCH;
}
