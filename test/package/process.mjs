// What the checks share: where things are, and processes until their end.

import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * @param {string} command @param {readonly string[]} args @param {string} cwd
 * @returns {Promise<{ stdout: string, stderr: string }>} throws what it printed where it fails
 */
export async function run(command, args, cwd) {
  const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, DENO_NO_UPDATE_CHECK: "1" };
  try {
    return await promisify(execFile)(command, args, { cwd, env, maxBuffer: 1 << 28 });
  } catch (error) {
    const { stdout = "", stderr = "", message } = /** @type {Error & { stdout?: string, stderr?: string }} */ (error);
    throw new Error([message.split("\n")[0], stdout, stderr].join("\n").trim());
  }
}
