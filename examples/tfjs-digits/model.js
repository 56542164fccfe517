// @ts-check
// The convolutional network of TensorFlow.js's own MNIST example, and the update that trains it.

import * as tf from "@tensorflow/tfjs-layers";
import { adamw, chain, clipByGlobalNorm, partition } from "lanestep";
import { byPath } from "lanestep/glob";
import { warmupCosine } from "lanestep/schedules";

const { conv2d, dense, flatten, maxPooling2d } = tf.layers;

/** The peak of the learning rate. */
const RATE = 0.01;
/** The part of all steps in which the rate climbs to its peak. */
const WARM_UP = 0.05;

/** @param {number} seed from which the first kernels come */
export function createModel(seed) {
  // Names make those of the variables, "conv1/kernel", by which the update tells them apart.
  const kernelInitializer = tf.initializers.varianceScaling({ seed });
  return tf.sequential({
    layers: [
      conv2d({
        name: "conv1",
        inputShape: [28, 28, 1],
        kernelSize: 5,
        filters: 8,
        activation: "relu",
        kernelInitializer,
      }),
      maxPooling2d({ poolSize: 2, strides: 2 }),
      conv2d({ name: "conv2", kernelSize: 5, filters: 16, activation: "relu", kernelInitializer }),
      maxPooling2d({ poolSize: 2, strides: 2 }),
      flatten(),
      dense({ name: "head", units: 10, activation: "softmax", kernelInitializer }),
    ],
  });
}

/** @param {number} steps of the whole training */
export function createUpdate(steps) {
  const warmupSteps = Math.floor(steps * WARM_UP);
  const learningRate = warmupCosine({
    initValue: RATE / (warmupSteps + 1), // a first step at rate 0 would be none
    peakValue: RATE,
    warmupSteps,
    decaySteps: steps,
  });
  return chain(
    clipByGlobalNorm({ maxNorm: 1 }),
    partition(
      { decayed: adamw({ learningRate, decay: 0.01 }), plain: adamw({ learningRate }) },
      byPath({ "*/kernel": "decayed", "*/bias": "plain" }),
    ),
  );
}
