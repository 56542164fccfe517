// @ts-check
// TensorFlow.js on its wasm backend, with the one kernel that training a convolution needs and that backend lacks.

import { fileURLToPath } from "node:url";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";

/** The backend that has it, cpu, took 70 times as long. */
tf.registerKernel({ kernelName: "Conv2DBackpropFilter", backendName: "wasm", kernelFunc: filterGradient });

export async function useWasm() {
  setWasmPaths(fileURLToPath(new URL(".", import.meta.resolve("@tensorflow/tfjs-backend-wasm"))));
  if (!(await tf.setBackend("wasm"))) throw new Error("TensorFlow.js cannot use its wasm backend here.");
}

/**
 * The gradient of a convolution's filter is a convolution too, of the images by the gradients of what came out, where
 * channels take the place of images and images that of channels. So it is for the convolutions of this model: all with
 * strides of 1 and without padding.
 *
 * @type {import("@tensorflow/tfjs-core").KernelFunc}
 */
function filterGradient({ inputs: { x, dy }, attrs }) {
  const { strides, pad, dataFormat } = /** @type {any} */ (attrs);
  if (`${strides}` !== "1,1" || pad !== "valid" || dataFormat !== "NHWC") {
    throw new Error(`only strides of 1 without padding, NHWC: strides ${strides}, pad ${pad}, ${dataFormat}`);
  }
  return tf.tidy(() => {
    const images = tf.transpose(/** @type {tf.Tensor4D} */ (x), [3, 1, 2, 0]);
    const filters = tf.transpose(/** @type {tf.Tensor4D} */ (dy), [1, 2, 0, 3]);
    return tf.transpose(tf.conv2d(images, filters, 1, "valid"), [1, 2, 0, 3]);
  });
}
