// @ts-check
// The command line: what can be chosen, and the optimizers with rates that suit this task.

import { parseArgs } from "node:util";
import { adabelief, adagrad, adam, adamw, lamb, noisySgd, radam, rmsprop, sgd, yogi } from "lanestep";

/** @typedef {(step: number) => number} Schedule */
/** @typedef {{ rate: number, create: (learningRate: Schedule, seed: number) => import("lanestep").Update }} Recipe */
/** @typedef {{ help: boolean, name: string, rate: number, epochs: number, batch: number, seed: number }} Arguments */

/** Every optimizer of the library, with the peak of its learning rate. @type {Readonly<Record<string, Recipe>>} */
export const RECIPES = {
  adabelief: { rate: 0.003, create: (learningRate) => adabelief({ learningRate }) },
  adagrad: { rate: 0.3, create: (learningRate) => adagrad({ learningRate }) },
  adam: { rate: 0.003, create: (learningRate) => adam({ learningRate }) },
  adamw: { rate: 0.003, create: (learningRate) => adamw({ learningRate, decay: 0.01 }) },
  lamb: { rate: 0.01, create: (learningRate) => lamb({ learningRate, decay: 0.01 }) },
  // Clipped to a norm of 1, a gradient's elements are about 0.003: noise of the default eta, 0.01, would drown them.
  noisySgd: { rate: 0.5, create: (learningRate, seed) => noisySgd({ learningRate, eta: 1e-4, seed }) },
  radam: { rate: 0.003, create: (learningRate) => radam({ learningRate }) },
  rmsprop: { rate: 0.003, create: (learningRate) => rmsprop({ learningRate }) },
  sgd: { rate: 0.1, create: (learningRate) => sgd({ learningRate, momentum: 0.9 }) },
  yogi: { rate: 0.01, create: (learningRate) => yogi({ learningRate }) },
};

const DEFAULTS = { optimizer: "adamw", epochs: 12, batch: 64, seed: 1 };
const NAMES = Object.keys(RECIPES);

export const HELP = `Trains a small network on handwritten digits with an optimizer of lanestep.

Usage: npm start -- [options]

  --optimizer NAME  one of those below (default: ${DEFAULTS.optimizer})
  --rate NUMBER     the peak of the learning rate (default: see below)
  --epochs NUMBER   how often to go through the training digits (default: ${DEFAULTS.epochs})
  --batch NUMBER    how many digits make one step (default: ${DEFAULTS.batch})
  --seed NUMBER     the same seed gives the same run, bit for bit (default: ${DEFAULTS.seed})
  --help            print this text

Optimizers, and the rates that suit this task:
${NAMES.map((name) => `  ${name.padEnd(16)}  ${RECIPES[name].rate}`).join("\n")}`;

/** A command line that can't be followed; the message says what is wrong and what is allowed. */
export class UsageError extends Error {}

/**
 * @param {string[]} args
 * @param {number} trainingCount how many training digits there are: the largest batch
 * @returns {Arguments}
 * @throws {UsageError}
 */
export function readArguments(args, trainingCount) {
  // Not strict: the messages of the strict mode advise about positional arguments, of which there are none here.
  const { values, positionals } = parseArgs({
    args,
    strict: false,
    allowPositionals: true,
    options: {
      optimizer: { type: "string", default: DEFAULTS.optimizer },
      rate: { type: "string" },
      epochs: { type: "string", default: String(DEFAULTS.epochs) },
      batch: { type: "string", default: String(DEFAULTS.batch) },
      seed: { type: "string", default: String(DEFAULTS.seed) },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const { optimizer, rate, epochs, batch, seed, help, ...unknown } = values;
  for (const flag of Object.keys(unknown)) {
    const dashes = flag.length > 1 ? "--" : "-";
    throw new UsageError(`There is no option ${dashes}${flag}; --help lists the options.`);
  }
  if (positionals.length > 0) {
    const mend = NAMES.includes(positionals[0]) ? `--optimizer ${positionals[0]}` : "--help";
    throw new UsageError(`"${positionals[0]}" does not follow an option; did you mean ${mend}?`);
  }
  if (typeof optimizer !== "string" || !NAMES.includes(optimizer)) {
    const got = typeof optimizer === "string" ? `, not "${optimizer}"` : "";
    throw new UsageError(`--optimizer takes one of ${NAMES.join(", ")}${got}.`);
  }
  return {
    help: help !== false,
    name: optimizer,
    rate: rate === undefined ? RECIPES[optimizer].rate : positiveNumber("rate", rate),
    epochs: integer("epochs", epochs, 1, 1000),
    batch: integer("batch", batch, 1, trainingCount),
    seed: integer("seed", seed, 0, 2 ** 32 - 1),
  };
}

/**
 * @param {string} name
 * @param {string | boolean | undefined} text a boolean where the value is missing
 * @param {number} least
 * @param {number} most
 */
function integer(name, text, least, most) {
  const value = typeof text === "string" && /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new UsageError(`--${name} takes a whole number from ${least} to ${most}${instead(text)}.`);
}

/**
 * @param {string} name
 * @param {string | boolean} text
 */
function positiveNumber(name, text) {
  const value = typeof text === "string" && text.trim() !== "" ? Number(text) : Number.NaN;
  if (value > 0 && value < Infinity) return value;
  throw new UsageError(`--${name} takes a number above 0${instead(text)}.`);
}

/** @param {string | boolean | undefined} text */
function instead(text) {
  return typeof text === "string" ? `, not "${text}"` : "";
}
