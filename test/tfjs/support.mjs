// @ts-check
// TensorFlow.js on the backends that Node has, and what tests make with it.

import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

setWasmPaths(fileURLToPath(new URL("node_modules/@tensorflow/tfjs-backend-wasm/dist/", import.meta.url)));

export { tf };

export const BACKENDS = /** @type {const} */ (["cpu", "wasm"]);

/** @param {string} name */
export async function useBackend(name) {
  if (!(await tf.setBackend(name))) throw new Error(`the backend ${name} does not start`);
}

/** The numbers of a tensor or variable, as they are now. @param {import("@tensorflow/tfjs").Tensor} tensor */
export const numbers = (tensor) => [...tensor.dataSync()];

/**
 * Two dense layers, with weights from seeds.
 *
 * @param {{ seed?: number, names?: readonly string[], units?: number }} options
 */
export function denseModel({ seed = 1, names, units = 6 } = {}) {
  const layer = (/** @type {number} */ i, /** @type {number} */ size, /** @type {object} */ more) =>
    tf.layers.dense({
      units: size,
      kernelInitializer: tf.initializers.glorotUniform({ seed: seed + i }),
      ...(names ? { name: names[i] } : {}),
      ...more,
    });
  return tf.sequential({ layers: [layer(0, units, { inputShape: [4], activation: "tanh" }), layer(1, 2, {})] });
}

/** @param {number} seed */
export function batch(seed = 7, rows = 16) {
  return {
    x: tf.randomNormal([rows, 4], 0, 1, "float32", seed),
    y: tf.randomNormal([rows, 2], 0, 1, "float32", seed + 1),
  };
}

/** @param {import("@tensorflow/tfjs").LayersModel} model @param {{ x: any, y: any }} data @param {number} epochs */
export async function fit(model, { x, y }, epochs) {
  const { history } = await model.fit(x, y, { epochs, batchSize: 8, shuffle: false, verbose: 0 });
  return /** @type {number[]} */ (history.loss);
}

/** Saves a model with its optimizer, and loads it. @param {import("@tensorflow/tfjs").LayersModel} model */
export async function reload(model) {
  /** @type {any} */
  let artifacts;
  await model.save(
    tf.io.withSaveHandler(async (given) => {
      artifacts = given;
      return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(given) };
    }),
    { includeOptimizer: true },
  );
  return tf.loadLayersModel(tf.io.fromMemory(artifacts));
}
