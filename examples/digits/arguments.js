// @ts-check
// The command line: what can be chosen, and the optimizers with rates that suit this task.

import { parseArgs } from "node:util";
import { adabelief, adagrad, adam, adamw, lamb, noisySgd, radam, rmsprop, sgd, yogi } from "lanestep";
import { TRAINING } from "./data.js";

/** @typedef {import("lanestep").Schedule} Schedule */
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
  noisySgd: { rate: 1, create: (learningRate, seed) => noisySgd({ learningRate, eta: 1e-4, seed }) },
  radam: { rate: 0.01, create: (learningRate) => radam({ learningRate }) },
  rmsprop: { rate: 0.003, create: (learningRate) => rmsprop({ learningRate }) },
  sgd: { rate: 0.1, create: (learningRate) => sgd({ learningRate, momentum: 0.9 }) },
  yogi: { rate: 0.01, create: (learningRate) => yogi({ learningRate }) },
};

const NAMES = Object.keys(RECIPES);
const DEFAULTS = { optimizer: "adamw", epochs: "8", batch: "64", seed: "1" };

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

/** What the user can mend; the message says how. */
export class UserError extends Error {}

/**
 * @param {string[]} args
 * @returns {Arguments}
 * @throws {UserError}
 */
export function readArguments(args) {
  const { optimizer: name, rate, epochs, batch, seed, help } = parse(args);
  if (!NAMES.includes(name)) throw new UserError(`--optimizer takes one of ${NAMES.join(", ")}, not "${name}".`);
  return {
    help,
    name,
    rate: rate === undefined ? RECIPES[name].rate : positiveNumber("rate", rate),
    epochs: integer("epochs", epochs, 1, 1000),
    batch: integer("batch", batch, 1, TRAINING),
    seed: integer("seed", seed, 0, 2 ** 32 - 1),
  };
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({
      args,
      options: {
        optimizer: { type: "string", default: DEFAULTS.optimizer },
        rate: { type: "string" },
        epochs: { type: "string", default: DEFAULTS.epochs },
        batch: { type: "string", default: DEFAULTS.batch },
        seed: { type: "string", default: DEFAULTS.seed },
        help: { type: "boolean", short: "h", default: false },
      },
    }).values;
  } catch (error) {
    throw new UserError(`${/** @type {Error} */ (error).message}\n"npm start -- --help" lists the options.`);
  }
}

/**
 * @param {string} option
 * @param {string} text
 * @param {number} least
 * @param {number} most
 */
function integer(option, text, least, most) {
  const value = Number(text);
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw new UserError(`--${option} takes a whole number from ${least} to ${most}, not "${text}".`);
}

/**
 * @param {string} option
 * @param {string} text
 */
function positiveNumber(option, text) {
  const value = Number(text);
  if (value > 0 && value < Infinity) return value;
  throw new UserError(`--${option} takes a number above 0, not "${text}".`);
}
