// @ts-check
// TensorFlow.js's convolutional network for handwritten digits, trained by its own `model.fit` with an update of lanestep:
// AdamW with a warm-up, clipping, and decay of the kernels alone. The model is saved after every epoch, with the state of
// the optimizer; however a run ends, the next start goes on from there, to the same bits as without the stop.
//
//   npm ci && npm ci --prefix examples/tfjs-digits      in a clone of the repository
//   node examples/tfjs-digits/main.js
//   node examples/tfjs-digits/main.js --epochs 20 --folder FOLDER

import { mkdir } from "node:fs/promises";
import { parseArgs } from "node:util";
import * as tf from "@tensorflow/tfjs-core";
import { loadLayersModel } from "@tensorflow/tfjs-layers";
import { LanestepOptimizer, registerUpdate } from "lanestep/tfjs";
import { CLASSES, mulberry32, SIDE, shifted, shuffled, toBatch } from "../digits/data.js";
import { loadDigits } from "../digits/mnist.js";
import { useWasm } from "./backend.js";
import { loadFrom, readModelJson, saveTo } from "./folder.js";
import { createModel, createUpdate } from "./model.js";

const BATCH = 64;
/** Of the first kernels. */
const SEED = 1;

/** What the user can mend; the message says how. */
class UserError extends Error {}

/**
 * Images and labels as TensorFlow.js takes them.
 * @param {readonly import("../digits/data.js").Digit[]} digits
 */
function tensorsOf(digits) {
  const { images, labels } = toBatch(digits);
  return tf.tidy(() => ({
    images: tf.tensor4d(images, [digits.length, SIDE, SIDE, 1]),
    labels: tf.oneHot(tf.tensor1d(labels, "int32"), CLASSES),
  }));
}

/**
 * The model with its optimizer, and how many epochs it has been through.
 * @param {string} folder
 * @param {number} epochs
 * @param {number} steps
 */
async function open(folder, epochs, steps) {
  // A saved model knows its update by this name: an update holds functions, here the rate.
  const update = registerUpdate("digits", createUpdate(steps));
  const json = await readModelJson(folder);
  if (!json) {
    const model = createModel(SEED);
    model.compile({ optimizer: new LanestepOptimizer(update), loss: "categoricalCrossentropy", metrics: ["accuracy"] });
    return { model, epoch: 0 };
  }
  const saved = /** @type {{ epoch: number, epochs: number } | undefined} */ (json.userDefinedMetadata);
  if (!saved) throw new UserError(`the model in "${folder}" is not one of this example: give --folder another name`);
  if (saved.epochs !== epochs) {
    throw new UserError(
      `"${folder}" holds a run of ${saved.epochs} epochs, whose rates belong to that length: give --epochs ${saved.epochs}, or another --folder`,
    );
  }
  return { model: await loadLayersModel(loadFrom(folder, json)), epoch: saved.epoch };
}

async function train() {
  const { values } = parseArgs({
    options: { epochs: { type: "string", default: "8" }, folder: { type: "string", default: "tfjs-digits-model" } },
  });
  const { folder } = values;
  const epochs = Number(values.epochs);
  if (!Number.isInteger(epochs) || epochs < 1) {
    throw new UserError(`--epochs takes a whole number from 1, not "${values.epochs}"`);
  }
  await mkdir(folder, { recursive: true });
  await useWasm();

  const { training, heldOut } = loadDigits();
  const { model, epoch: begin } = await open(folder, epochs, Math.ceil(training.length / BATCH) * epochs);
  const optimizer = /** @type {LanestepOptimizer} */ (model.optimizer);
  console.log(`${model.countParams()} parameters, TensorFlow.js on ${tf.getBackend()}, from epoch ${begin + 1}`);

  const held = tensorsOf(heldOut);
  for (let epoch = begin; epoch < epochs; epoch++) {
    // A call of `fit` for each epoch: its own shuffle has no seed, and each digit is moved a little, anew every time.
    const random = mulberry32(epoch);
    const { images, labels } = tensorsOf(shuffled(training, random).map((digit) => shifted(digit, random)));
    await model.fit(images, labels, {
      batchSize: BATCH,
      initialEpoch: epoch,
      epochs: epoch + 1,
      shuffle: false,
      verbose: 0,
      validationData: [held.images, held.labels],
      callbacks: {
        async onEpochEnd(_epoch, logs) {
          model.setUserDefinedMetadata({ epoch: epoch + 1, epochs });
          await model.save(saveTo(folder, String(epoch + 1)), { includeOptimizer: true });
          const { loss, val_loss, val_acc } = /** @type {{ [name: string]: number }} */ (logs);
          const { rate, count } = /** @type {import("lanestep").Stats} */ (await optimizer.stats());
          console.log(
            `epoch ${epoch + 1}/${epochs}, step ${count}: loss ${loss.toFixed(4)}, rate ${rate?.toExponential(1)}; ` +
              `held out: loss ${val_loss.toFixed(4)}, accuracy ${(val_acc * 100).toFixed(2)} %`,
          );
        },
      },
    });
    tf.dispose([images, labels]);
  }
  const [, accuracy] = /** @type {tf.Scalar[]} */ (model.evaluate(held.images, held.labels));
  const right = Math.round(accuracy.dataSync()[0] * heldOut.length);
  console.log(`${right} of ${heldOut.length} digits that it had not seen read rightly; kept in ${folder}`);
}

try {
  await train();
} catch (/** @type {any} */ error) {
  if (!(error instanceof UserError) && !("code" in error)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
