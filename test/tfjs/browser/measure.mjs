// @ts-check
// What a step of Adam costs in the page, and what of it goes by while gradients are read back. In software ratios alone
// tell something.

import * as tf from "@tensorflow/tfjs-core";
import { adam } from "../../../dist/index.js";
import { LanestepOptimizer } from "../../../dist/tfjs.js";
import { use } from "./models.mjs";

const ROUNDS = 15;

/** @param {number[]} times */
const median = (times) => times.sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;

/** Until the device is done, with what TensorFlow.js has not submitted yet too. @param {tf.Variable[]} variables */
async function settle(variables) {
  const last = tf.slice(variables[variables.length - 1], [0], [1]);
  await last.data();
  last.dispose();
}

/** @param {string} backend @param {number} count of variables @param {number} length of each */
async function measureOne(backend, count, length) {
  await use(backend);
  const made = Array.from({ length: count }, (_, i) => tf.variable(tf.randomNormal([length], 0, 1, "float32", i)));
  const grads = Object.fromEntries(made.map(({ name }, i) => [name, tf.randomNormal([length], 0, 1, "float32", -i)]));
  const own = /** @type {{ readSync: Function }} */ (/** @type {unknown} */ (tf.backend()));
  const { readSync } = own;
  let reading = 0;
  own.readSync = (/** @type {unknown[]} */ ...args) => {
    const begin = performance.now();
    const read = readSync.apply(own, args);
    reading += performance.now() - begin;
    return read;
  };
  const contenders = { lanestep: new LanestepOptimizer(adam()), "tf.train.adam": tf.train.adam() };
  const times = Object.fromEntries(Object.keys(contenders).map((name) => [name, { step: [], reading: [] }]));
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, optimizer] of Object.entries(contenders)) {
      reading = 0;
      const begin = performance.now();
      optimizer.applyGradients(grads);
      await settle(made);
      if (round === 0) continue; // compiles
      times[name].step.push(performance.now() - begin);
      times[name].reading.push(reading);
    }
  }
  own.readSync = readSync;
  const words = Object.entries(times).map(([name, { step, reading }]) => {
    const whole = median(step);
    return `${name} ${whole.toFixed(1)} ms, ${((100 * median(reading)) / whole).toFixed(0)} % of it reading back`;
  });
  console.log(`${backend}, ${count} × ${length}: ${words.join("; ")}`);
  for (const optimizer of Object.values(contenders)) optimizer.dispose();
  tf.dispose([made, grads]);
}

export async function measure() {
  for (const backend of ["webgl", "webgpu"]) {
    await measureOne(backend, 1, 1e6);
    await measureOne(backend, 300, 512);
  }
}
