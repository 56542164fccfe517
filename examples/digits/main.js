// @ts-check
// Trains a multilayer perceptron on handwritten digits: `npm start`, or `npm start -- --help`.

import { chain, clipByGlobalNorm, cosineDecay } from "lanestep";
import { HELP, RECIPES, readArguments, UsageError } from "./arguments.js";
import { CLASSES, loadDigits, mulberry32, PIXELS, SIDE, shuffledBatches, split } from "./data.js";
import { createParams, Perceptron } from "./model.js";
import { drawCurve, drawImages, mean, Terminal } from "./terminal.js";

const SIZES = [PIXELS, 128, 64, CLASSES];
const TRAINING = 8000;
const HELD_OUT = 2000;
const MAX_NORM = 1;
/** The part of all steps in which the rate climbs to its peak. */
const WARM_UP = 0.05;
/** How many steps the numbers beside the bar are means of. */
const RECENT = 20;
/** How many digits are shown at the end of those read rightly, and of those misread. */
const SHOWN = 5;

/** @typedef {import("./arguments.js").Arguments} Arguments */
/** @typedef {import("./data.js").Digits} Digits */
/** @typedef {import("./model.js").Dense} Dense */
/** @typedef {import("./arguments.js").Schedule} Schedule */
/** @typedef {Awaited<ReturnType<typeof createOptimizer>>} Optimizer */
/** @typedef {{ label: number, answer: number, confidence: number, image: Float32Array, index: number }} Answer */

/** The training can't go on; the message says why. */
class DivergenceError extends Error {}

/** @param {Arguments} options */
async function run(options) {
  const { name, rate, epochs, batch, seed } = options;
  const terminal = new Terminal(process.stdout);
  const random = mulberry32(seed);
  const { training, heldOut } = split(loadDigits(), HELD_OUT, random);
  const stepCount = epochs * Math.ceil(TRAINING / batch);
  const schedule = warmUpThenCosine(rate, stepCount);
  const optimizer = await createOptimizer(options, schedule, random);
  const model = new Perceptron(SIZES, Math.max(batch, HELD_OUT));

  const parameterCount = leaves(optimizer.params).reduce((sum, leaf) => sum + leaf.length, 0);
  const { backend } = optimizer;
  const described = `${whole(parameterCount)} parameters, backend ${backend.name} (${backend.path})`;
  terminal.print(`perceptron ${SIZES.join("-")}: ${described}`);
  terminal.print(`${name}, seed ${seed}: peak rate ${rate} and a cosine down, gradient norm clipped to ${MAX_NORM}`);

  const parts = { model, optimizer, schedule, training, random };
  const { losses, trainingMs, optimizerMs } = train(terminal, options, parts);
  if (terminal.interactive) drawCurve(terminal, losses, epochs);

  const answers = ask(model, optimizer.params, heldOut);
  const right = answers.filter(({ label, answer }) => answer === label);
  const misread = answers.filter(({ label, answer }) => answer !== label);
  const accuracy = terminal.paint("good", percent(right.length / HELD_OUT, 2));
  terminal.print(`accuracy on ${whole(HELD_OUT)} held-out digits: ${accuracy} (${misread.length} misread)`);
  showAnswers(terminal, right.slice(0, SHOWN));
  showAnswers(terminal, misread.slice(0, SHOWN));

  // performance.now() counts from the start of the process.
  const step = `${((optimizerMs * 1e3) / stepCount).toFixed(0)} µs`;
  const parameter = `${((optimizerMs * 1e6) / stepCount / parameterCount).toFixed(2)} ns`;
  terminal.print(
    `time: ${seconds(performance.now())} in all, ${seconds(trainingMs)} of it training; of that the optimizer took ` +
      `${seconds(optimizerMs)} (${percent(optimizerMs / trainingMs, 1)}), ${step} a step, ${parameter} a parameter`,
  );
  optimizer.dispose();
}

/**
 * @param {Arguments} options
 * @param {Schedule} schedule
 * @param {import("./data.js").Random} random
 */
function createOptimizer({ name, seed }, schedule, random) {
  const update = chain(clipByGlobalNorm({ maxNorm: MAX_NORM }), RECIPES[name].create(schedule, seed));
  return update.init(createParams(SIZES, random));
}

/**
 * @param {Terminal} terminal
 * @param {Arguments} options
 * @param {{ model: Perceptron, optimizer: Optimizer, schedule: Schedule, training: Digits, random: () => number }} parts
 */
function train(terminal, { epochs, batch }, { model, optimizer, schedule, training, random }) {
  const stepCount = epochs * Math.ceil(TRAINING / batch);
  /** @type {number[]} */
  const losses = [];
  /** @type {number[]} */
  const norms = [];
  let optimizerMs = 0;
  const began = performance.now();
  for (let epoch = 1; epoch <= epochs; epoch++) {
    const label = `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`;
    const epochBegan = losses.length;
    let rate = 0;
    for (const { images, labels, count } of shuffledBatches(training, batch, random)) {
      model.forward(optimizer.params, images, count);
      const loss = model.backward(optimizer.params, optimizer.grads, images, labels, count);
      if (!Number.isFinite(loss)) {
        terminal.clearBar();
        throw new DivergenceError(`The loss became ${loss} in ${label}: try a lower --rate.`);
      }
      losses.push(loss);
      norms.push(globalNorm(leaves(optimizer.grads)));
      rate = schedule(optimizer.count);

      const stepBegan = performance.now();
      optimizer.step();
      optimizerMs += performance.now() - stepBegan;

      if (terminal.interactive) {
        const done = losses.length / stepCount;
        const recent = report(losses.slice(-RECENT), rate, norms.slice(-RECENT));
        terminal.drawBar(done, label, `${percent(done, 0).padStart(5)}  ${recent}`);
      }
    }
    if (!terminal.interactive) {
      terminal.print(`${label}  ${report(losses.slice(epochBegan), rate, norms.slice(epochBegan))}`);
    }
  }
  terminal.clearBar();
  return { losses, trainingMs: performance.now() - began, optimizerMs };
}

/**
 * @param {number} peak
 * @param {number} stepCount
 * @returns {Schedule}
 */
function warmUpThenCosine(peak, stepCount) {
  const warmUp = Math.ceil(stepCount * WARM_UP);
  const cosine = cosineDecay({ initValue: peak, decaySteps: Math.max(1, stepCount - warmUp) });
  return (step) => (step < warmUp ? (peak * (step + 1)) / warmUp : cosine(step - warmUp));
}

/**
 * What the model takes each digit for, and how sure it is.
 *
 * @param {Perceptron} model
 * @param {readonly Dense[]} params
 * @param {Digits} digits
 * @returns {Answer[]}
 */
function ask(model, params, { images, labels }) {
  const probabilities = model.forward(params, images, labels.length);
  return Array.from(labels, (label, index) => {
    const choices = probabilities.subarray(index * CLASSES, (index + 1) * CLASSES);
    const confidence = Math.max(...choices);
    const image = images.subarray(index * PIXELS, (index + 1) * PIXELS);
    return { label, answer: choices.indexOf(confidence), confidence, image, index };
  });
}

/**
 * @param {Terminal} terminal
 * @param {Answer[]} answers
 */
function showAnswers(terminal, answers) {
  if (terminal.interactive) {
    const pictures = answers.map(({ image, label, answer, confidence }) => ({
      image,
      caption: `${answer === label ? `a ${label}` : `a ${label}, not ${answer}`} (${percent(confidence, 0)})`,
      style: /** @type {import("./terminal.js").Style} */ (answer === label ? "good" : "bad"),
    }));
    drawImages(terminal, pictures, SIDE);
    return;
  }
  for (const { index, label, answer, confidence } of answers) {
    terminal.print(`held-out digit ${index}: a ${label}, answered ${answer} (${percent(confidence, 0)})`);
  }
}

/** @param {readonly Dense[]} layers */
function leaves(layers) {
  return layers.flatMap(({ kernel, bias }) => [kernel, bias]);
}

/** @param {readonly Float32Array[]} arrays */
function globalNorm(arrays) {
  let sum = 0;
  for (const array of arrays) {
    for (let index = 0; index < array.length; index++) sum += array[index] ** 2;
  }
  return Math.sqrt(sum);
}

/**
 * @param {number[]} losses
 * @param {number} rate
 * @param {number[]} norms
 */
function report(losses, rate, norms) {
  return `loss ${mean(losses).toFixed(4)}  rate ${rate.toExponential(2)}  gradient norm ${mean(norms).toFixed(2)}`;
}

/** @param {number} value */
function whole(value) {
  return value.toLocaleString("en-US");
}

/**
 * @param {number} fraction
 * @param {number} digits
 */
function percent(fraction, digits) {
  return `${(fraction * 100).toFixed(digits)} %`;
}

/** @param {number} ms */
function seconds(ms) {
  return `${(ms / 1000).toFixed(2)} s`;
}

// Whoever reads the output may stop early, as `head` does.
process.stdout.on("error", (error) => {
  if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EPIPE") throw error;
  process.exit();
});

try {
  const options = readArguments(process.argv.slice(2), TRAINING);
  if (options.help) console.log(HELP);
  else await run(options);
} catch (error) {
  if (!(error instanceof UsageError || error instanceof DivergenceError)) throw error;
  console.error(error.message);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
