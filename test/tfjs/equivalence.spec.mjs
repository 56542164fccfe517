// @ts-check
// Configured alike, the optimizers of TensorFlow.js and the adapter give the same losses.

import { describe, expect, it } from "vitest";
import { adadelta, adagrad, adam, adamax, rmsprop, sgd } from "../../src/index.ts";
import { LanestepOptimizer } from "../../src/tfjs/index.ts";
import { lateAdadelta } from "./late-adadelta.mjs";
import { BACKENDS, batch, denseModel, tf, useBackend } from "./support.mjs";

const STEPS = 50;

/** Where steps are no function of a gradient's size, rounding grows: TensorFlow.js's own cpu and wasm differ by this too. */
const ROUNDING = { rmsprop: 8e-5, centered: 3e-4 };

/** Name, TensorFlow.js's optimizer, the update that does the same, and how far losses may be apart, relatively. */
const alike = /** @type {const} */ ([
  ["sgd", () => tf.train.sgd(0.1), () => sgd({ learningRate: 0.1 }), 1e-6],
  ["momentum", () => tf.train.momentum(0.05, 0.9), () => sgd({ learningRate: 0.05, momentum: 0.9 }), 1e-6],
  [
    "momentum, Nesterov's",
    () => tf.train.momentum(0.05, 0.9, true),
    () => sgd({ learningRate: 0.05, momentum: 0.9, nesterov: true }),
    1e-6,
  ],
  ["adagrad", () => tf.train.adagrad(0.1), () => adagrad({ learningRate: 0.1 }), 1e-6],
  ["rmsprop", () => tf.train.rmsprop(0.01), () => rmsprop({ learningRate: 0.01, eps: 1e-7 }), 4 * ROUNDING.rmsprop],
  [
    "rmsprop with momentum",
    () => tf.train.rmsprop(0.005, 0.95, 0.8),
    () => rmsprop({ learningRate: 0.005, decay: 0.95, momentum: 0.8, eps: 1e-7 }),
    2e-6,
  ],
  [
    "rmsprop, centered",
    () => tf.train.rmsprop(0.01, 0.9, 0.5, 1e-12, true),
    () => rmsprop({ learningRate: 0.01, momentum: 0.5, eps: 1e-12, centered: true }),
    8 * ROUNDING.centered,
  ],
  ["adam", () => tf.train.adam(0.01), () => adam({ learningRate: 0.01, eps: 1e-7, epsRoot: 0 }), 2e-5],
  [
    "adam, other constants",
    () => tf.train.adam(0.02, 0.8, 0.99, 1e-4),
    () => adam({ learningRate: 0.02, b1: 0.8, b2: 0.99, eps: 1e-4, epsRoot: 0 }),
    2e-6,
  ],
  ["adamax", () => tf.train.adamax(0.01), () => adamax({ learningRate: 0.01, eps: 1e-7 }), 2e-6],
  [
    "adamax with decay of the rate",
    () => tf.train.adamax(0.01, 0.9, 0.999, 1e-7, 0.1),
    () => adamax({ learningRate: (step) => 0.01 / (1 + 0.1 * step), eps: 1e-7 }),
    2e-6,
  ],
  ["adadelta as TensorFlow.js has it", () => tf.train.adadelta(1), () => lateAdadelta({ learningRate: 1 }), 5e-6],
]);

/** The loss before each step. @param {import("@tensorflow/tfjs").Optimizer} optimizer */
function losses(optimizer) {
  return tf.tidy(() => {
    const { x, y } = batch();
    const model = denseModel();
    const variables = model.trainableWeights.map((weight) => /** @type {any} */ (weight).read());
    const loss = () => /** @type {any} */ (tf.losses.meanSquaredError(y, /** @type {any} */ (model.apply(x))));
    const all = Array.from({ length: STEPS }, () => optimizer.minimize(loss, true, variables)?.dataSync()[0] ?? 0);
    model.dispose();
    optimizer.dispose();
    return all;
  });
}

/** @param {readonly number[]} actual @param {readonly number[]} expected */
const apart = (actual, expected) => Math.max(...actual.map((loss, i) => Math.abs(loss / expected[i] - 1)));

describe.each(BACKENDS)("%s: the losses of 50 steps", (backend) => {
  it.each(alike)("%s", async (_name, theirs, ours, limit) => {
    await useBackend(backend);
    const expected = losses(theirs());
    const actual = losses(new LanestepOptimizer(ours()));
    expect(expected.at(-1)).toBeLessThan(0.9 * expected[0]);
    expect(apart(actual, expected)).toBeLessThan(limit);
  });

  it("the adadelta of the paper is another than TensorFlow.js's", async () => {
    await useBackend(backend);
    const expected = losses(tf.train.adadelta(1));
    const actual = losses(new LanestepOptimizer(adadelta({ learningRate: 1, rho: 0.95, eps: 1e-7 })));
    expect(apart(actual, expected)).toBeGreaterThan(0.5);
  });
});
