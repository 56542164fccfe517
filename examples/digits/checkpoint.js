// @ts-check
// Stopping a run, and going on with it: what the optimizer holds, as a file.

import { constants, existsSync } from "node:fs";
import { access, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { CheckpointError, TreeMismatchError } from "lanestep";
import { writeFileAtomic } from "lanestep/files";
import { readMetadata } from "lanestep/safetensors";
import { formatRun, nthDefaultFile, parseRun, UserError } from "./arguments.js";

/**
 * A checkpoint's bytes, and the options of the run that saved it.
 *
 * @param {string} file
 * @throws {UserError} for a file that is missing, damaged, or of something else
 */
export function readCheckpoint(file) {
  return explained(`cannot go on from "${file}"`, async () => {
    const bytes = await readFile(file);
    const { run } = readMetadata(bytes);
    if (run === undefined) throw new UserError('this demo did not save it: its metadata lacks "run".');
    return { file, bytes, run: parseRun(run) };
  });
}

/**
 * An optimizer that goes on where the one that was saved stood.
 *
 * @template {object} T
 * @param {import("lanestep").Update} update
 * @param {T} params of the form that is expected; their values are the file's afterwards
 * @param {Awaited<ReturnType<typeof readCheckpoint>>} checkpoint
 * @throws {UserError} for a file of other parameters
 */
export function restore(update, params, { file, bytes }) {
  return explained(`cannot go on from "${file}"`, () => update.restore(bytes, params));
}

/**
 * Writes the whole file, or leaves what stands there as it is.
 *
 * @param {import("lanestep").Optimizer} optimizer
 * @param {import("./arguments.js").RunOptions} run
 * @param {string} file
 * @throws {UserError}
 */
export function save(optimizer, run, file) {
  const chunks = optimizer.saveChunks({ metadata: { run: formatRun(run) } });
  return explained("the checkpoint was not saved", () => writeFileAtomic(file, chunks));
}

/** The first name for a run that named no file, of which there is none yet. */
export function freeFile() {
  for (let n = 1; ; n++) if (!existsSync(nthDefaultFile(n))) return nthDefaultFile(n);
}

/**
 * Finds out before the training, not after it, that a file cannot be written.
 *
 * @param {string} file
 * @throws {UserError}
 */
export async function requireWritable(file) {
  const found = await stat(file).catch(() => null);
  if (found?.isDirectory()) throw new UserError(`--save takes a file, and "${file}" is a folder.`);
  await explained(`--save cannot write "${file}"`, () => access(dirname(file), constants.W_OK));
}

/**
 * Makes an error the user's, if it is one: about a checkpoint, or from the file system, whose errors have a code.
 *
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} action
 */
async function explained(what, action) {
  try {
    return await action();
  } catch (/** @type {any} */ error) {
    const isUsers = [CheckpointError, TreeMismatchError, UserError].some((type) => error instanceof type);
    throw isUsers || "code" in error ? new UserError(`${what}: ${error.message}`) : error;
  }
}
