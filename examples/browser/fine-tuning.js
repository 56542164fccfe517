// @ts-check
// Fine-tuning the trained network on digits of its visitor. Knows nothing of workers and pages.

import { CheckpointError, chain, clipByGlobalNorm } from "lanestep";
import { readMetadata } from "lanestep/safetensors";
import { CLASSES, mulberry32, shifted, toBatch } from "../digits/data.js";
import { backward, classify, createParams, crossEntropy, forward, SIZES } from "../digits/model.js";
import { MAX_NORM, RECIPES } from "../digits/recipes.js";
import { digitOf } from "./packed.js";

/** @typedef {import("../digits/data.js").Digit} Digit */
/** @typedef {{ rehearsal: readonly Digit[], heldOut: readonly Digit[] }} Digits */
/** @typedef {import("./packed.js").Sample} Sample */
/**
 * A point of the chart: after so many steps of fine-tuning the loss on rehearsed digits, that on the visitor's, and the
 * part of the held-out digits that are read rightly, where that was counted.
 * @typedef {{ step: number, rehearsal: number | null, own: number | null, accuracy: number | null }} Point
 */
/**
 * What is kept beside parameters and moments: of which trained network, from which step and until which one.
 * @typedef {{ base: number, from: number, until: number, samples: Sample[], history: Point[] }} Memory
 */

/** How many steps a correction is worth. */
const STEPS = 100;
/** How many digits make a batch: some of the visitor's, again and again, and more that the network knew before. */
const OWN = 4;
const REHEARSED = 28;
/**
 * A sixtieth of the peak in the training. Over six corrections 95.4 % of the held-out digits were read rightly at worst;
 * with twice the rate and eight digits of the visitor's in a batch 94.8 %.
 */
const RATE = 5e-5;
/** How many steps make a point of the chart, and how many a count on the held-out digits. */
const POINT = 4;
const COUNT = 20;

/** The chain of `npm start`: its checkpoint's moments go on. */
const update = chain(
  clipByGlobalNorm({ maxNorm: MAX_NORM }),
  RECIPES.adamw.create(() => RATE, 0),
);

/** A network and its moments. @param {Uint8Array<ArrayBuffer>} bytes a checkpoint */
export const restored = (bytes) => update.restore(bytes, createParams(SIZES, mulberry32(0)), { stats: true });

export class FineTuning {
  /** Milliseconds of the steps since the last sample: of all, and of what the optimizer did in them. */
  times = { steps: 0, all: 0, optimizer: 0 };
  /** Of the steps since the last point. @type {number[]} */
  losses = [];

  /**
   * @param {Awaited<ReturnType<typeof restored>>} optimizer
   * @param {Digits} digits
   * @param {Memory} memory
   */
  constructor(optimizer, { rehearsal, heldOut }, memory) {
    this.optimizer = optimizer;
    this.rehearsal = rehearsal;
    this.heldOut = toBatch(heldOut);
    this.memory = memory;
    this.own = memory.samples.map(digitOf);
  }

  /**
   * From the checkpoint of `npm start`.
   *
   * @param {Uint8Array<ArrayBuffer>} trained
   * @param {Digits} digits
   * @throws {import("lanestep").CheckpointError} for that of another optimizer
   */
  static async begin(trained, digits) {
    const optimizer = await restored(trained);
    const { count } = optimizer;
    const base = checksum(trained);
    const tuning = new FineTuning(optimizer, digits, { base, from: count, until: count, samples: [], history: [] });
    tuning.memory.history.push({ step: 0, rehearsal: null, own: null, accuracy: tuning.accuracy() });
    return tuning;
  }

  /**
   * From a checkpoint of its own: the next step goes on bit for bit.
   *
   * @param {Uint8Array<ArrayBuffer>} kept
   * @param {Uint8Array<ArrayBuffer>} trained
   * @param {Digits} digits
   * @throws {import("lanestep").CheckpointError} for one that is damaged, of another version, or of another training
   */
  static async resume(kept, trained, digits) {
    const optimizer = await restored(kept);
    /** @type {Memory} */
    const memory = JSON.parse(readMetadata(kept).fineTuning ?? "{}");
    if (memory.base !== checksum(trained)) {
      throw new CheckpointError("what it kept goes on from another trained network than this page's");
    }
    return new FineTuning(optimizer, digits, memory);
  }

  /** How much of what the last sample was worth is done: 1 for all. */
  get done() {
    return 1 - (this.memory.until - this.optimizer.count) / STEPS;
  }

  get isDone() {
    return this.optimizer.count >= this.memory.until;
  }

  /** @param {Sample} sample */
  teach(sample) {
    this.memory.samples.push(sample);
    this.own.push(digitOf(sample));
    this.memory.until = this.optimizer.count + STEPS;
    this.times = { steps: 0, all: 0, optimizer: 0 };
  }

  /** To the next point of the chart. */
  train() {
    const { optimizer, memory } = this;
    do this.step();
    while (!this.isDone && (optimizer.count - memory.from) % POINT !== 0);
    const step = optimizer.count - memory.from;
    const { images, labels } = toBatch(this.own);
    const isCounted = this.isDone || step % COUNT === 0;
    const point = {
      step,
      rehearsal: mean(this.losses),
      own: crossEntropy(forward(optimizer.params, images)[optimizer.params.length], labels),
      accuracy: isCounted ? this.accuracy() : null,
    };
    this.losses = [];
    memory.history.push(point);
    return point;
  }

  /** What is drawn depends on the count alone: training that goes on needs no other state. */
  step() {
    const { optimizer, own, rehearsal, times } = this;
    const random = mulberry32(optimizer.count);
    const drawn = (/** @type {number} */ count, /** @type {readonly Digit[]} */ digits) =>
      Array.from({ length: count }, () => shifted(digits[Math.floor(random() * digits.length)], random));
    const { images, labels } = toBatch([...drawn(REHEARSED, rehearsal), ...drawn(OWN, own)]);

    const began = performance.now();
    const activations = forward(optimizer.params, images);
    backward(optimizer.params, optimizer.grads, activations, labels);
    const stepBegan = performance.now();
    optimizer.step();
    const ended = performance.now();
    times.steps += 1;
    times.all += ended - began;
    times.optimizer += ended - stepBegan;
    const probabilities = activations[activations.length - 1].subarray(0, REHEARSED * CLASSES);
    this.losses.push(crossEntropy(probabilities, labels.subarray(0, REHEARSED)));
  }

  /** Of the held-out digits, the part that is read rightly. */
  accuracy() {
    const { images, labels } = this.heldOut;
    const answers = classify(this.optimizer.params, images);
    return answers.filter(({ answer }, k) => answer === labels[k]).length / labels.length;
  }

  /** A checkpoint, with all that is needed to go on from it: in one file, it is never of two moments. */
  chunks() {
    return this.optimizer.saveChunks({ metadata: { fineTuning: JSON.stringify(this.memory) } });
  }
}

const mean = (/** @type {readonly number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** What tells one file from another (FNV-1a): pages that come without TLS have no WebCrypto. @param {Uint8Array} bytes */
function checksum(bytes) {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash >>> 0;
}
