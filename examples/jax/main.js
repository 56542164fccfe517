// @ts-check
// Trains a model of jax-js on handwritten digits: gradients by jit and grad, steps by lanestep. AdamW with a warm-up and a
// cosine down, the gradient's norm clipped, decay on kernels alone.
//
//   npm ci                      in a clone of the repository; in a project of your own: npm i lanestep @jax-js/jax
//   node examples/jax/main.js
//   node examples/jax/main.js --epochs 8 --seed 2

import { parseArgs } from "node:util";
import { blockUntilReady, defaultDevice, init, jit, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { adamw, chain, clipByGlobalNorm, partition } from "lanestep";
import { byPath } from "lanestep/glob";
import { JaxOptimizer } from "lanestep/jax";
import { warmupCosine } from "lanestep/schedules";
import { batchesFrom, CLASSES, mulberry32, PIXELS, TRAINING, toBatch } from "../digits/data.js";
import { loadDigits } from "../digits/mnist.js";
import { createParams, forward, lossOf } from "./model.js";

const BATCH = 100;

/** @param {string} name @param {string} text */
function wholeNumber(name, text) {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  console.error(`--${name} is "${text}", expected a whole number from 1 to 999999`);
  process.exit(1);
}

const { values } = parseArgs({
  options: { epochs: { type: "string", default: "8" }, seed: { type: "string", default: "1" } },
});
const epochs = wholeNumber("epochs", values.epochs);
const random = mulberry32(wholeNumber("seed", values.seed));

await init("wasm");
defaultDevice("wasm");

const stepsPerEpoch = Math.ceil(TRAINING / BATCH);
const learningRate = warmupCosine({
  initValue: 1e-4,
  peakValue: 3e-3,
  warmupSteps: Math.floor(stepsPerEpoch / 4),
  decaySteps: epochs * stepsPerEpoch,
});
const update = chain(
  clipByGlobalNorm({ maxNorm: 1 }), // of all parameters together
  partition(
    { kernels: adamw({ learningRate, decay: 0.05 }), others: adamw({ learningRate }) },
    byPath({ "**/kernel": "kernels", "**": "others" }),
  ),
);

/** @param {Uint8Array} labels */
function targetsOf(labels) {
  const targets = new Float32Array(labels.length * CLASSES);
  labels.forEach((label, example) => {
    targets[example * CLASSES + label] = 1;
  });
  return np.array(targets, { shape: [labels.length, CLASSES] });
}

/** @param {Float32Array<ArrayBuffer>} images */
const imagesOf = (images) => np.array(images, { shape: [images.length / PIXELS, PIXELS] });

const lossAndGrad = jit(valueAndGrad(lossOf));
const answersOf = jit(
  /** @param {import("./model.js").Dense[]} layers @param {np.Array} images */
  (layers, images) => np.argmax(forward(layers, images), -1),
);

const { training, heldOut } = loadDigits();
const held = toBatch(heldOut);

/** The part of held-out digits that are told right. @param {import("./model.js").Dense[]} layers kept by the caller */
function accuracyOf(layers) {
  const answers = answersOf(tree.ref(layers), imagesOf(held.images)).dataSync();
  return held.labels.filter((label, i) => answers[i] === label).length / held.labels.length;
}

/** @param {number} part */
const percent = (part) => `${(100 * part).toFixed(1)} %`;

let params = createParams(random);
const optimizer = await JaxOptimizer.init(update, tree.ref(params));
const count = tree.leaves(params).reduce((sum, { size }) => sum + size, 0);
console.log(`perceptron ${params.length} layers deep, ${count} parameters, ${epochs} epochs of ${stepsPerEpoch} steps`);
console.log(`before: ${percent(accuracyOf(params))} of ${heldOut.length} held-out digits right`);

let optimizerMs = 0;
let epochLoss = 0;
const began = performance.now();
for (const { images, labels } of batchesFrom(0, training, { batch: BATCH, epochs }, random)) {
  const [loss, grads] = lossAndGrad(params, imagesOf(images), targetsOf(labels)); // consumes the parameters
  await blockUntilReady(grads); // for the clock below: a step waits for its gradients by itself
  epochLoss += loss.item() / stepsPerEpoch;
  const stepBegan = performance.now();
  params = optimizer.step(grads); // consumes the gradients, and gives the parameters in fresh arrays
  optimizerMs += performance.now() - stepBegan;

  const steps = optimizer.inner.count;
  if (steps % stepsPerEpoch > 0) continue;
  const { gradNorm, rate } = optimizer.inner.stats();
  console.log(
    `epoch ${steps / stepsPerEpoch}: loss ${epochLoss.toFixed(4)}, gradient norm ${gradNorm.toFixed(2)}, rate ${rate?.toExponential(1)}, ${percent(accuracyOf(params))} right`,
  );
  epochLoss = 0;
}
const trainingMs = performance.now() - began;
const perStep = `${((1e3 * optimizerMs) / optimizer.inner.count).toFixed(0)} µs a step`;
console.log(
  `after: ${percent(accuracyOf(params))} right; ${(trainingMs / 1e3).toFixed(1)} s, ${perStep} in the optimizer, copies of jax-js's arrays included`,
);
tree.dispose(params);
optimizer.dispose();
