// @ts-check
// The command line: what can be chosen.

import { parseArgs } from "node:util";
import { TRAINING } from "./data.js";
import { RECIPES } from "./recipes.js";

/** @typedef {ReturnType<typeof readArguments>} Arguments */
/** @typedef {{ optimizer: string, rate: number, epochs: number, batch: number, seed: number }} RunOptions */
/** @typedef {{ [option in keyof RunOptions]?: string }} GivenOptions As they stand on the command line. */

const NAMES = Object.keys(RECIPES);
const DEFAULTS = { optimizer: "adamw", epochs: "8", batch: "64", seed: "1" };
/** Where Ctrl-C saves a run that named no file; the page's network. */
export const DEFAULT_FILE = "digits.safetensors";

/** The names for such runs, in turn: a file that is there may be of another run. */
export const nthDefaultFile = (/** @type {number} */ n) => (n === 1 ? DEFAULT_FILE : `digits-${n}.safetensors`);

export const HELP = `Trains a small network on handwritten digits with an optimizer of lanestep.

Usage: npm start -- [options]

  --optimizer NAME  one of those below (default: ${DEFAULTS.optimizer})
  --rate NUMBER     the peak of the learning rate (default: see below)
  --epochs NUMBER   how often to go through the training digits (default: ${DEFAULTS.epochs})
  --batch NUMBER    how many digits make one step (default: ${DEFAULTS.batch})
  --seed NUMBER     the same seed gives the same run, bit for bit (default: ${DEFAULTS.seed})
  --save FILE       write a checkpoint at the end
  --resume FILE     go on from a checkpoint, with the options of its run: the result
                    is the same, bit for bit, as without the stop
  --help            print this text

Ctrl-C stops after the step at hand, writes a checkpoint (to the file of --save,
else of --resume, else the first free one of ${DEFAULT_FILE},
${nthDefaultFile(2)}, ${nthDefaultFile(3)} …) and says how to go on.

Optimizers, and the rates that suit this task:
${NAMES.map((name) => `  ${name.padEnd(16)}  ${RECIPES[name].rate}`).join("\n")}`;

/** What the user can mend; the message says how. */
export class UserError extends Error {}

/**
 * @param {string[]} args
 * @throws {UserError}
 */
export function readArguments(args) {
  const { save, resume, help, ...given } = parse(args);
  return { save, resume, help, given };
}

/**
 * The options of a run: those that are given, and the defaults of the others.
 *
 * @param {GivenOptions} given
 * @returns {RunOptions}
 * @throws {UserError}
 */
export function readRun(given) {
  const { optimizer, rate, epochs, batch, seed } = { ...DEFAULTS, ...given };
  if (!NAMES.includes(optimizer)) {
    throw new UserError(`--optimizer takes one of ${NAMES.join(", ")}, not "${optimizer}".`);
  }
  return {
    optimizer,
    rate: rate === undefined ? RECIPES[optimizer].rate : positiveNumber("rate", rate),
    epochs: integer("epochs", epochs, 1, 1000),
    batch: integer("batch", batch, 1, TRAINING),
    seed: integer("seed", seed, 0, 2 ** 32 - 1),
  };
}

/** How many steps the whole run makes. @param {RunOptions} run */
export const stepCountOf = ({ epochs, batch }) => epochs * Math.ceil(TRAINING / batch);

/**
 * Refuses options that are not those of the saved run: with them its schedule or its data would have been others from the
 * first step on.
 *
 * @param {GivenOptions} given
 * @param {{ file: string, run: RunOptions }} checkpoint
 * @throws {UserError}
 */
export function requireSame(given, { file, run }) {
  const asked = readRun(given);
  for (const option of /** @type {(keyof RunOptions)[]} */ (Object.keys(given))) {
    if (asked[option] === run[option]) continue;
    const saved = `"${file}" is of a run with --${option} ${run[option]}`;
    throw new UserError(`${saved}, which cannot go on with --${option} ${asked[option]}: leave that out.`);
  }
}

/**
 * All options of a run as text, which a checkpoint keeps.
 *
 * @param {RunOptions} run
 */
export function formatRun(run) {
  return Object.entries(run)
    .map(([option, value]) => `--${option} ${value}`)
    .join(" ");
}

/**
 * What `formatRun` wrote.
 *
 * @param {string} text
 * @throws {UserError} for any other text
 */
export function parseRun(text) {
  try {
    const run = readRun(readArguments(text.split(" ")).given);
    if (formatRun(run) === text) return run;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  throw new UserError(`its metadata "run" is ${JSON.stringify(text)}, which are not all options of a run.`);
}

/**
 * The command that goes on with a run from a file.
 *
 * @param {string} file
 * @param {string | undefined} save
 */
export function commandToResume(file, save) {
  const quoted = (/** @type {string} */ path) => (/^[\w./:\\-]+$/.test(path) ? path : `"${path}"`);
  const command = `npm start -- --resume ${quoted(file)}`;
  return save === undefined ? command : `${command} --save ${quoted(save)}`;
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({
      args,
      options: {
        optimizer: { type: "string" },
        rate: { type: "string" },
        epochs: { type: "string" },
        batch: { type: "string" },
        seed: { type: "string" },
        save: { type: "string" },
        resume: { type: "string" },
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
