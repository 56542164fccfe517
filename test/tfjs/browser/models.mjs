// @ts-check
// The same model and data on every backend: all numbers come from seeds.

import * as tf from "@tensorflow/tfjs-core";
import * as tfl from "@tensorflow/tfjs-layers";

export const BATCH = 32;

/** Images of 8 × 8 with a bar at one of four places, and noise. */
export function data() {
  return tf.tidy(() => {
    const labels = Array.from({ length: 4 * BATCH }, (_, i) => (i * 7 + (i >> 3)) % 4);
    const bars = labels.flatMap((at) => Array.from({ length: 64 }, (_, k) => ((k % 8) >> 1 === at ? 1 : 0)));
    const noise = tf.randomNormal([labels.length, 64], 0, 0.5, "float32", 5);
    const xs = tf.add(tf.tensor2d(bars, [labels.length, 64]), noise);
    return { xs, ys: tf.cast(tf.oneHot(tf.tensor1d(labels, "int32"), 4), "float32") };
  });
}

/**
 * @param {tf.Optimizer} optimizer
 * @param {{ frozen?: boolean }} [options] whether its first layer is
 */
export function model(optimizer, { frozen = false } = {}) {
  const kernelInitializer = (/** @type {number} */ seed) => tfl.initializers.glorotUniform({ seed });
  const made = tfl.sequential({
    layers: [
      tfl.layers.dense({
        units: 32,
        inputShape: [64],
        activation: "tanh",
        kernelInitializer: kernelInitializer(1),
        trainable: !frozen,
      }),
      tfl.layers.dense({ units: 24, activation: "relu", kernelInitializer: kernelInitializer(2) }),
      tfl.layers.dense({ units: 4, activation: "softmax", kernelInitializer: kernelInitializer(3) }),
    ],
  });
  made.compile({ optimizer, loss: "categoricalCrossentropy", metrics: ["accuracy"] });
  return made;
}

/**
 * @param {string} name
 * @throws Error where TensorFlow.js has no such backend here, such as without an adapter
 */
export async function use(name) {
  const set = await tf.setBackend(name).catch((/** @type {unknown} */ error) => {
    throw new Error(`TensorFlow.js has no backend "${name}" here: ${error}`);
  });
  if (!set || tf.getBackend() !== name) throw new Error(`TensorFlow.js has no backend "${name}" here`);
}

/**
 * So many batches by `optimizer.minimize`, then two epochs of `model.fit`: losses, also those of validation, and weights.
 *
 * @param {string} backend
 * @param {() => tf.Optimizer} optimizer
 * @param {number} steps
 */
export async function train(backend, optimizer, steps) {
  await use(backend);
  const { xs, ys } = data();
  const own = optimizer();
  const net = model(own);
  const batch = (/** @type {tf.Tensor2D} */ all, /** @type {number} */ i) =>
    tf.slice2d(all, [(i % 4) * BATCH, 0], [BATCH, -1]);
  const losses = tf.tidy(() => {
    const all = Array.from({ length: steps }, (_, i) => {
      const loss = () => {
        const found = net.apply(batch(xs, i), { training: true });
        const errors = tfl.metrics.categoricalCrossentropy(batch(ys, i), /** @type {tf.Tensor} */ (found));
        return /** @type {tf.Scalar} */ (tf.mean(errors));
      };
      return /** @type {tf.Scalar} */ (own.minimize(loss, true));
    });
    return tf.stack(all);
  });
  /** @type {number[]} */
  const epochs = [];
  const onEpochEnd = async (/** @type {number} */ _, /** @type {any} */ logs) => {
    epochs.push(logs.loss, logs.val_loss);
  };
  const settings = {
    epochs: 2,
    batchSize: BATCH,
    shuffle: false,
    verbose: 0,
    yieldEvery: /** @type {const} */ ("never"),
  };
  await net.fit(xs, ys, { ...settings, validationData: [xs, ys], callbacks: { onEpochEnd } });
  const weights = await Promise.all(net.getWeights().map((weight) => weight.data()));
  const found = { losses: [...(await losses.data()), ...epochs], weights };
  tf.dispose([xs, ys, losses]);
  net.dispose();
  own.dispose();
  return found;
}
