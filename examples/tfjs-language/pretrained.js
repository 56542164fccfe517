// @ts-check
// What VS Code guesses a file's language with: the files of its package, read without the TensorFlow.js inside that.

import { readFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs-core";

/** @typedef {{ layers: { [layer: string]: tf.Tensor[] }, languages: string[] }} Pretrained */

const MODEL = import.meta.resolve("@vscode/vscode-languagedetection/model/model.json");

/** How many numbers describe a text: its pairs of neighbouring bytes are hashed into so many buckets, and counted. */
export const BUCKETS = 5000;
/** It reads no more of a text. */
const MOST_PAIRS = 10_000;

/** What the layers of model.js are called in the file. */
const NAMES = {
  embedding: ["dnn/input_from_feature_columns/input_layer/content_embedding/embedding_weights"],
  hidden0: ["dnn/hiddenlayer_0/kernel", "dnn/hiddenlayer_0/bias"],
  hidden1: ["dnn/hiddenlayer_1/kernel", "dnn/hiddenlayer_1/bias"],
  deep: ["dnn/logits/kernel", "dnn/logits/bias"],
  wide: ["linear/linear_model/content/weights", "linear/linear_model/bias_weights"],
};

/**
 * Kernels and biases of its layers, and the languages that it knows, as file extensions.
 * @returns {Promise<Pretrained>}
 */
export async function readPretrained() {
  const { weightsManifest } = JSON.parse(await readFile(new URL(MODEL), "utf8"));
  const [{ paths, weights }] = weightsManifest;
  const { buffer, byteOffset, byteLength } = await readFile(new URL(paths[0], MODEL));
  const tensors = tf.io.decodeWeights(buffer.slice(byteOffset, byteOffset + byteLength), weights);
  const layers = Object.entries(NAMES).map(([layer, names]) => [layer, names.map((name) => tensors[name])]);
  const languages = await tensors["head/predictions/class_string_lookup/Const"].data();
  return { layers: Object.fromEntries(layers), languages: /** @type {any} */ (languages) };
}

/** The bucket of each pair of bytes, at 256 times the first plus the second. */
export function readBuckets() {
  // As that package reads a text, a byte that is not ASCII is no letter, but U+FFFD.
  const written = (/** @type {number} */ byte) => (byte < 128 ? [byte] : [0xef, 0xbf, 0xbd]);
  const space = 32;
  const pairs = Array.from({ length: 2 ** 16 }, (_, pair) =>
    Uint8Array.from([...written(pair >> 8), space, ...written(pair & 255)]),
  );
  return tf.tidy(
    () =>
      /** @type {Int32Array} */ (tf.string.stringToHashBucketFast(tf.tensor1d(pairs, "string"), BUCKETS).dataSync()),
  );
}

/**
 * How often each bucket comes in a text.
 * @param {string} text
 * @param {Int32Array} buckets of `readBuckets`
 */
export function countPairs(text, buckets) {
  const bytes = new TextEncoder().encode(text.replaceAll("\r\n", "\n"));
  const counts = new Float32Array(BUCKETS);
  const end = Math.min(bytes.length - 1, MOST_PAIRS);
  for (let i = 0; i < end; i++) counts[buckets[256 * bytes[i] + bytes[i + 1]]]++;
  return counts;
}
