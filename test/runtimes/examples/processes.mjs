// @ts-check
// What the examples' checks share: a copy of an example in the scratch project, and processes in it.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { killedWithUs } from "../cleanup.mjs";

/** @typedef {readonly [program: string, ...args: string[]]} Command */

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

/** @param {string} cwd @param {Command} command @param {Record<string, string>} env */
export function start(cwd, [program, ...args], env = {}) {
  const options = { cwd, env: { ...process.env, NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1", ...env } };
  return killedWithUs(spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] }));
}

/** A process until its end. @param {string} cwd @param {Command} command @param {Record<string, string>} [env] */
export async function run(cwd, command, env) {
  const child = start(cwd, command, env);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  return { stdout, stderr, code };
}

/** One that has to succeed: what it says. @param {string} cwd @param {Command} command @param {Record<string, string>} [env] */
export async function output(cwd, command, env) {
  const { stdout, stderr, code } = await run(cwd, command, env);
  assert.equal(code, 0, stderr || stdout);
  return stdout;
}

/**
 * One that has to refuse what it is given, with a sentence: no trace of a stack.
 * @param {string} cwd @param {Command} command @param {RegExp} sentence @param {Record<string, string>} [env]
 */
export async function refusal(cwd, command, sentence, env) {
  const { stderr, code } = await run(cwd, command, env);
  assert.match(stderr, sentence);
  assert.doesNotMatch(stderr, /^ +at /m);
  assert.equal(code, 1);
}

/**
 * A process up to its first line that matches; it runs on, until `end` sends a signal. Its lines until then, and after.
 * @param {string} cwd @param {Command} command @param {RegExp} line @param {Record<string, string>} env
 */
export async function startUntil(cwd, command, line, env = {}) {
  const child = start(cwd, command, env);
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
