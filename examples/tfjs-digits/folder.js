// @ts-check
// A model in a folder, as TensorFlow.js has it everywhere else: model.json, and the weights beside it. It has no handler
// for files in Node without tfjs-node.

import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import * as tf from "@tensorflow/tfjs-core";
import { writeFileAtomic } from "lanestep/files";

const MODEL = "model.json";

/**
 * For `model.save`. A process that is killed leaves the model before or this one: model.json names its own weights, and
 * changes at once.
 *
 * @param {string} folder which exists
 * @param {string} version in the name of the weights
 */
export function saveTo(folder, version) {
  return tf.io.withSaveHandler(async (artifacts) => {
    const { weightData, weightSpecs, ...rest } = artifacts;
    const weights = `weights-${version}.bin`;
    const json = { ...rest, weightsManifest: [{ paths: [weights], weights: weightSpecs }] };
    await writeFileAtomic(join(folder, weights), new Uint8Array(tf.io.CompositeArrayBuffer.join(weightData)));
    await writeFileAtomic(join(folder, MODEL), new TextEncoder().encode(JSON.stringify(json)));
    for (const name of await readdir(folder)) {
      if (/^weights-.*\.bin$/.test(name) && name !== weights) await rm(join(folder, name));
    }
    return { modelArtifactsInfo: tf.io.getModelArtifactsInfoForJSON(artifacts) };
  });
}

/**
 * What model.json holds; null if there is none.
 *
 * @param {string} folder
 * @returns {Promise<import("@tensorflow/tfjs-core").io.ModelJSON | null>}
 */
export async function readModelJson(folder) {
  try {
    return JSON.parse(await readFile(join(folder, MODEL), "utf8"));
  } catch (/** @type {any} */ error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

/**
 * For `loadLayersModel`.
 *
 * @param {string} folder
 * @param {import("@tensorflow/tfjs-core").io.ModelJSON} json
 * @returns {import("@tensorflow/tfjs-core").io.IOHandler}
 */
export function loadFrom(folder, json) {
  return {
    load: () =>
      tf.io.getModelArtifactsForJSON(json, async ([{ paths, weights }]) => {
        const { buffer, byteOffset, byteLength } = await readFile(join(folder, paths[0]));
        return [weights, buffer.slice(byteOffset, byteOffset + byteLength)];
      }),
  };
}
