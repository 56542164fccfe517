// @ts-check
// Processes of engines.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import { killedWithUs } from "./cleanup.mjs";

/** A program and its first arguments. @typedef {readonly string[]} Command */

/** @param {Command} command @param {string[]} args */
export function start([program = "", ...first], ...args) {
  const env = { ...process.env, DENO_NO_UPDATE_CHECK: "1" };
  return killedWithUs(spawn(program, [...first, ...args], { env, stdio: ["ignore", "pipe", "pipe"] }));
}

/**
 * A tool, which has to succeed: what it says.
 * @param {string} program @param {readonly string[]} args @param {{ cwd?: string, env?: NodeJS.ProcessEnv }} [options]
 */
export async function output(program, args, options = {}) {
  const done = promisify(execFile)(program, args, options);
  killedWithUs(done.child);
  return (await done).stdout;
}

/**
 * A process until its end.
 * @param {Command} command @param {string[]} args
 */
export async function run(command, ...args) {
  const child = start(command, ...args);
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { stdout, stderr, code, signal };
}

/**
 * The JSON that a process prints as its last line.
 * @param {Command} command @param {string[]} args
 * @throws Error with what it said besides, if it does not come to its end
 */
export async function answer(command, ...args) {
  const { stdout, stderr, code, signal } = await run(command, ...args);
  if (code !== 0) throw new Error(`ended with ${signal ?? code}: ${stderr || stdout}`);
  return JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
}
