// @ts-check
// Processes: of engines, tools and examples.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { killedWithUs } from "./cleanup.mjs";

/** A program and its arguments, or the first of them. @typedef {readonly string[]} Command */
/** `env`: what is added to the environment. @typedef {{ cwd?: string, env?: NodeJS.ProcessEnv | undefined }} Options */

/** @param {Command} command @param {Options} [options] */
export function start([program = "", ...args], { cwd, env } = {}) {
  const plain = {
    NO_COLOR: "1",
    FORCE_COLOR: undefined,
    DENO_NO_UPDATE_CHECK: "1",
    npm_config_update_notifier: "false",
  };
  const options = { cwd, env: { ...process.env, ...plain, ...env } };
  return killedWithUs(spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] }));
}

/** A process until its end. @param {Command} command @param {Options} [options] */
export async function run(command, options) {
  const child = start(command, options);
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, "close"),
  ]);
  return { stdout, stderr, code, signal };
}

/** One that has to succeed. @param {Command} command @param {Options} [options] @throws Error with what it said, if it does not */
export async function success(command, options) {
  const { stdout, stderr, code, signal } = await run(command, options);
  if (code !== 0) throw new Error(`ended with ${signal ?? code}: ${[stderr, stdout].join("\n").trim()}`);
  return { stdout, stderr };
}

/** What it prints. @param {Command} command @param {Options} [options] @throws as {@link success} */
export const output = async (command, options) => (await success(command, options)).stdout;

/** The JSON that it prints as its last line. @param {Command} command @throws as {@link success} */
export const answer = async (command) => JSON.parse((await output(command)).trimEnd().split("\n").at(-1) ?? "");
