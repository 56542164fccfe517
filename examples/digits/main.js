// @ts-check
// Trains a multilayer perceptron on handwritten digits: `npm start`, or `npm start -- --help`.

import { chain, clipByGlobalNorm, cosineDecay } from "lanestep";
import { HELP, RECIPES, readArguments, UserError } from "./arguments.js";
import { CLASSES, loadDigits, mulberry32, PIXELS, shuffled, shuffledBatches, TRAINING, toBatch } from "./data.js";
import { backward, classify, createParams, forward, globalNorm } from "./model.js";
import { Progress, percent, showResults } from "./report.js";
import { Terminal } from "./terminal.js";

const SIZES = [PIXELS, 128, 64, CLASSES];
const MAX_NORM = 1;
/** The part of all steps in which the rate climbs to its peak. */
const WARM_UP = 0.05;
/** How many digits are shown at the end of those read rightly, and of those misread. */
const SHOWN = 5;

/** @param {import("./arguments.js").Arguments} args */
async function run({ name, rate, epochs, batch, seed }) {
  const random = mulberry32(seed);
  const digits = shuffled(loadDigits(), random);
  const training = digits.slice(0, TRAINING);
  const heldOut = digits.slice(TRAINING);

  const stepsPerEpoch = Math.ceil(TRAINING / batch);
  const stepCount = epochs * stepsPerEpoch;
  const learningRate = warmUpThenCosine(rate, stepCount);
  // An update knows no model. Given parameters, it becomes an optimizer, which holds them, their gradients and its state.
  const update = chain(clipByGlobalNorm({ maxNorm: MAX_NORM }), RECIPES[name].create(learningRate, seed));
  const optimizer = await update.init(createParams(SIZES, random));

  const terminal = new Terminal(process.stdout);
  const parameterCount = optimizer.params.reduce((sum, { kernel, bias }) => sum + kernel.length + bias.length, 0);
  const backend = `${optimizer.backend.name} (${optimizer.backend.path})`;
  terminal.print(`perceptron ${SIZES.join("-")}: ${whole(parameterCount)} parameters, backend ${backend}`);
  terminal.print(`${name}, seed ${seed}: peak rate ${rate} and a cosine down, gradient norm clipped to ${MAX_NORM}`);

  const progress = new Progress(terminal, epochs, stepsPerEpoch);
  const trainingBegan = performance.now();
  let optimizerMs = 0;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    for (const { images, labels } of shuffledBatches(training, batch, random)) {
      const activations = forward(optimizer.params, images);
      const loss = backward(optimizer.params, optimizer.grads, activations, labels);
      if (!Number.isFinite(loss)) {
        terminal.clearBar();
        throw new UserError(`The loss became ${loss} in epoch ${epoch}: try a lower --rate.`);
      }
      progress.step(loss, learningRate(optimizer.count), globalNorm(optimizer.grads));

      const stepBegan = performance.now();
      optimizer.step(); // Changes optimizer.params in place.
      optimizerMs += performance.now() - stepBegan;
    }
  }
  const trainingMs = performance.now() - trainingBegan;
  progress.end();

  const answers = classify(optimizer.params, toBatch(heldOut).images);
  const results = heldOut.map((digit, index) => ({ ...digit, ...answers[index], index }));
  const right = results.filter(({ label, answer }) => answer === label);
  const misread = results.filter(({ label, answer }) => answer !== label);
  const accuracy = terminal.paint("good", percent(right.length / results.length, 2));
  terminal.print(`accuracy on ${whole(results.length)} held-out digits: ${accuracy} (${misread.length} misread)`);
  showResults(terminal, right.slice(0, SHOWN));
  showResults(terminal, misread.slice(0, SHOWN));

  const perStep = `${((optimizerMs * 1e3) / stepCount).toFixed(0)} µs a step`;
  const perParameter = `${((optimizerMs * 1e6) / stepCount / parameterCount).toFixed(2)} ns a parameter`;
  const share = percent(optimizerMs / trainingMs, 1);
  // performance.now() counts from the start of the process.
  terminal.print(`time: ${seconds(performance.now())} in all, ${seconds(trainingMs)} of it training`);
  terminal.print(`optimizer: ${seconds(optimizerMs)}, ${share} of the training; ${perStep}, ${perParameter}`);
  optimizer.dispose();
}

/**
 * @param {number} peak
 * @param {number} stepCount
 * @returns {import("lanestep").Schedule}
 */
function warmUpThenCosine(peak, stepCount) {
  const warmUp = Math.ceil(stepCount * WARM_UP);
  const cosine = cosineDecay({ initValue: peak, decaySteps: Math.max(1, stepCount - warmUp) });
  return (step) => (step < warmUp ? (peak * (step + 1)) / warmUp : cosine(step - warmUp));
}

/** @param {number} count */
function whole(count) {
  return count.toLocaleString("en-US");
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
  const args = readArguments(process.argv.slice(2));
  if (args.help) console.log(HELP);
  else await run(args);
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
