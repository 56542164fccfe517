// @ts-check
// Trains a multilayer perceptron on handwritten digits: `npm start`, or `npm start -- --help`.

import { setImmediate } from "node:timers/promises";
import { chain, clipByGlobalNorm } from "lanestep";
import { warmupCosine } from "lanestep/schedules";
import { commandToResume, HELP, readArguments, readRun, requireSame, stepCountOf, UserError } from "./arguments.js";
import { freeFile, readCheckpoint, requireWritable, restore, save } from "./checkpoint.js";
import { batchesFrom, mulberry32, TRAINING, toBatch } from "./data.js";
import { loadDigits } from "./mnist.js";
import { backward, classify, createParams, forward, SIZES } from "./model.js";
import { MAX_NORM, RECIPES } from "./recipes.js";
import { Progress, percent, showAnswers, whole } from "./report.js";
import { Terminal } from "./terminal.js";

/** The part of all steps in which the rate climbs to its peak. */
const WARM_UP = 0.05;
/** As shells have it for what Ctrl-C ended. */
const INTERRUPTED = 130;

/** @param {import("./arguments.js").Arguments} args */
async function train(args) {
  if (args.save !== undefined) await requireWritable(args.save);
  const checkpoint = args.resume === undefined ? undefined : await readCheckpoint(args.resume);
  if (checkpoint) requireSame(args.given, checkpoint);
  const run = checkpoint?.run ?? readRun(args.given);
  const { optimizer: name, rate, epochs, batch, seed } = run;
  const { training, heldOut } = loadDigits();
  const stepsPerEpoch = Math.ceil(TRAINING / batch);
  const stepCount = stepCountOf(run);

  const warmupSteps = Math.floor(stepCount * WARM_UP);
  // The warm-up begins above 0: a first step at rate 0 would be none.
  const initValue = rate / (warmupSteps + 1);
  const learningRate = warmupCosine({ initValue, peakValue: rate, warmupSteps, decaySteps: stepCount });
  // An update knows no model. Given parameters, it becomes an optimizer, which holds them, their gradients and its state.
  const update = chain(clipByGlobalNorm({ maxNorm: MAX_NORM }), RECIPES[name].create(learningRate, seed));
  const random = mulberry32(seed);
  const params = createParams(SIZES, random);
  const optimizer = checkpoint ? await restore(update, params, checkpoint) : await update.init(params);

  const begin = optimizer.count; // Not 0 after --resume.
  const made = `has made ${whole(begin)} of ${whole(stepCount)} steps`;
  if (begin >= stepCount) throw new UserError(`"${args.resume}" ${made}: nothing is left to do.`);

  // Ctrl-C ends the training between two steps. However often it is pressed, the checkpoint is then written to its end.
  let isInterrupted = false;
  process.on("SIGINT", () => {
    isInterrupted = true;
  });

  const terminal = new Terminal(process.stdout);
  const parameterCount = optimizer.params.reduce((sum, { kernel, bias }) => sum + kernel.length + bias.length, 0);
  const backend = `${optimizer.backend.name} (${optimizer.backend.path})`;
  terminal.print(`perceptron ${SIZES.join("-")}: ${whole(parameterCount)} parameters, backend ${backend}`);
  terminal.print(`${name}, seed ${seed}: peak rate ${rate} and a cosine down, gradient norm clipped to ${MAX_NORM}`);
  if (checkpoint) terminal.print(`${checkpoint.file} ${made}`);

  const progress = new Progress(terminal, epochs, stepsPerEpoch);
  const trainingBegan = performance.now();
  let optimizerMs = 0;
  for (const { images, labels } of batchesFrom(begin, training, run, random)) {
    const activations = forward(optimizer.params, images);
    const loss = backward(optimizer.params, optimizer.grads, activations, labels);
    if (!Number.isFinite(loss)) {
      terminal.clearBar();
      const epoch = Math.floor(optimizer.count / stepsPerEpoch) + 1;
      throw new UserError(`The loss became ${loss} in epoch ${epoch}: try a lower --rate.`);
    }
    const stepBegan = performance.now();
    optimizer.step(); // Changes optimizer.params in place.
    optimizerMs += performance.now() - stepBegan;

    progress.step(loss, optimizer.stats());
    await setImmediate(); // Lets Node hear of Ctrl-C.
    if (isInterrupted) break;
  }
  const trainingMs = performance.now() - trainingBegan;

  if (optimizer.count < stepCount) {
    const file = args.save ?? args.resume ?? freeFile();
    terminal.clearBar();
    await save(optimizer, run, file);
    terminal.print(`stopped after step ${whole(optimizer.count)} of ${whole(stepCount)}, saved in ${file}; to go on:`);
    terminal.print(`  ${commandToResume(file, args.save)}`);
    process.exitCode = INTERRUPTED;
    return;
  }
  progress.end();
  showAnswers(terminal, heldOut, classify(optimizer.params, toBatch(heldOut).images));

  const steps = stepCount - begin;
  const perStep = `${((optimizerMs * 1e3) / steps).toFixed(0)} µs a step`;
  const perParameter = `${((optimizerMs * 1e6) / steps / parameterCount).toFixed(2)} ns a parameter`;
  const share = percent(optimizerMs / trainingMs, 1);
  // performance.now() counts from the start of the process.
  terminal.print(`time: ${seconds(performance.now())} in all, ${seconds(trainingMs)} of it training`);
  terminal.print(`optimizer: ${seconds(optimizerMs)}, ${share} of the training; ${perStep}, ${perParameter}`);
  if (args.save !== undefined) {
    await save(optimizer, run, args.save);
    terminal.print(`saved in ${args.save}`);
  }
  optimizer.dispose();
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
  else await train(args);
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
