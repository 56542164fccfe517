// @ts-check
// Teaches the model with which VS Code guesses a file's language one that it does not know: Solidity. Its layers stay as
// they are; one unit more is trained by TensorFlow.js's `model.fit` with an update of lanestep. Files of packages that it has
// not learnt from tell what it knew before, and what it knows after.
//
//   npm ci && npm ci --prefix examples/tfjs-language      in a clone of the repository
//   node examples/tfjs-language/main.js
//   node examples/tfjs-language/main.js FILE …            what it says of files of yours, before and after

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import * as tf from "@tensorflow/tfjs-core";
import { LanestepOptimizer } from "lanestep/tfjs";
import { createModels, createUpdate } from "./model.js";
import { BUCKETS, countPairs, readBuckets, readPretrained } from "./pretrained.js";
import { report } from "./report.js";
import { NEW, readPieces } from "./sources.js";

const BATCH = 64;
const EPOCHS = 10;

/** What the user can mend; the message says how. */
class UserError extends Error {}

async function main() {
  const { values, positionals } = parseArgs({
    options: { seed: { type: "string", default: "1" } },
    allowPositionals: true,
  });
  const seed = Number(values.seed);
  if (!Number.isInteger(seed) || seed < 0) throw new UserError(`--seed takes a whole number, not "${values.seed}"`);
  const files = await Promise.all(positionals.map((path) => readFile(path, "utf8")));

  setWasmPaths(fileURLToPath(new URL(".", import.meta.resolve("@tensorflow/tfjs-backend-wasm"))));
  if (!(await tf.setBackend("wasm"))) throw new Error("TensorFlow.js cannot use its wasm backend here.");

  const { layers, languages: known } = await readPretrained();
  const languages = [...known, NEW];
  const { before, after } = createModels(layers);
  const buckets = readBuckets();

  /** What the models take of texts: counts of pairs of bytes, their shares and roots. @param {readonly string[]} texts */
  const inputsOf = (texts) => {
    const data = new Float32Array(texts.length * BUCKETS);
    texts.forEach((text, i) => {
      data.set(countPairs(text, buckets), i * BUCKETS);
    });
    const counts = tf.tensor2d(data, [texts.length, BUCKETS]);
    return tf.tidy(() => [counts, tf.divNoNan(counts, tf.sum(counts, 1, true)), tf.sqrt(counts)]);
  };
  /** @param {typeof before} model @param {tf.Tensor[]} inputs @returns {import("./report.js").Guess[]} */
  const guess = (model, inputs) =>
    tf.tidy(() => {
      const out = /** @type {tf.Tensor} */ (model.predict(inputs));
      const [best, sure] = [tf.argMax(out, 1).dataSync(), tf.max(out, 1).dataSync()];
      return Array.from(best, (unit, i) => ({ language: languages[unit], sure: sure[i] }));
    });

  const learnt = readPieces("learn", seed);
  const inputs = inputsOf(learnt.map(({ text }) => text));
  const units = learnt.map(({ language }) => languages.indexOf(language));
  const labels = tf.tidy(() => tf.oneHot(tf.tensor1d(units, "int32"), languages.length));

  const steps = Math.ceil(learnt.length / BATCH) * EPOCHS;
  after.compile({ optimizer: new LanestepOptimizer(createUpdate(steps)), loss: "categoricalCrossentropy" });
  console.log(`${after.countParams()} parameters, of which one unit learns, from ${learnt.length} pieces of files`);
  await after.fit(inputs, labels, {
    batchSize: BATCH,
    epochs: EPOCHS,
    shuffle: false, // they are, and fit's own shuffle has no seed
    verbose: 0,
    callbacks: {
      onEpochEnd: (epoch, logs) => console.log(`epoch ${epoch + 1}/${EPOCHS}: loss ${logs?.loss.toFixed(4)}`),
    },
  });

  const asked = readPieces("ask", 0);
  const held = inputsOf(asked.map(({ text }) => text));
  report(asked, guess(before, held), guess(after, held), NEW);

  if (files.length === 0) return;
  const yours = inputsOf(files);
  const [then, now] = [guess(before, yours), guess(after, yours)];
  const said = (/** @type {import("./report.js").Guess} */ { language, sure }) => `${language} (${sure.toFixed(4)})`;
  for (const [i, path] of positionals.entries()) console.log(`${path}: ${said(then[i])}, now ${said(now[i])}`);
}

try {
  await main();
} catch (/** @type {any} */ error) {
  if (!(error instanceof UserError) && !("code" in error)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
