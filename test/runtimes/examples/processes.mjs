// @ts-check
// What the examples' checks share: a copy of an example in the scratch project, and processes in it.

import assert from "node:assert/strict";
import { once } from "node:events";
import { cp, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { run, start } from "../processes.mjs";

/** @typedef {import("../processes.mjs").Command} Command */

/**
 * A folder of its own, in which the example runs as a user's would: `lanestep` is the project's dependency.
 * @param {string} project @param {string} example
 */
export async function copyOf(project, example) {
  const folder = await mkdtemp(join(project, `${example}-`));
  const source = fileURLToPath(new URL(`../../../examples/${example}`, import.meta.url));
  // Without what runs of it have left there: each check starts anew.
  const filter = (/** @type {string} */ path) => !/\bkept$|\.wrangler$|\.sqlite|\.safetensors$|\.wasm$/.test(path);
  await cp(source, folder, { recursive: true, filter });
  return folder;
}

/**
 * One that has to refuse what it is given, with a sentence: no trace of a stack.
 * @param {string} cwd @param {Command} command @param {RegExp} sentence @param {Record<string, string>} [env]
 */
export async function refusal(cwd, command, sentence, env) {
  const { stderr, code } = await run(command, { cwd, env });
  assert.match(stderr, sentence);
  assert.doesNotMatch(stderr, /^ +at /m);
  assert.equal(code, 1);
}

/**
 * A process up to its first line that matches; it runs on, until `end` sends a signal. Its lines until then, and after.
 * @param {string} cwd @param {Command} command @param {RegExp} line @param {Record<string, string>} env
 */
export async function startUntil(cwd, command, line, env = {}) {
  const child = start(command, { cwd, env });
  const stderr = text(child.stderr);
  /** @type {string[]} */
  const lines = [];
  const found = await new Promise((resolve) => {
    createInterface(child.stdout)
      .on("line", (said) => {
        lines.push(said);
        const match = line.exec(said);
        if (match) resolve(match);
      })
      .on("close", () => resolve(null));
  });
  const closed = once(child, "close");
  if (!found) throw new Error(`it ended before it said ${line}: ${await stderr}`);
  return {
    found: /** @type {RegExpExecArray} */ (found),
    lines,
    /** @param {NodeJS.Signals} signal @returns {Promise<number | null>} its exit code */
    async end(signal) {
      child.kill(signal);
      return (await closed)[0];
    },
  };
}
