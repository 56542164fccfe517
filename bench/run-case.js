// @ts-check
// Cases run in processes of their own, and what they report is kept.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Runs a case in a fresh process: no case inherits another's heap, or what the compiler learnt from it.
 * @param {string} name
 * @param {(string | number)[]} args
 * @param {readonly string[]} command the engine and its flags
 * @throws Error if it fails
 */
export function runCase(name, args = [], command = [process.execPath]) {
  const path = fileURLToPath(new URL(`cases/${name}.js`, import.meta.url));
  const [engine, ...flags] = /** @type {[string, ...string[]]} */ (command);
  const child = spawnSync(engine, [...flags, path, ...args.map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  if (child.error) throw child.error;
  if (child.status !== 0) throw new Error(`bench/cases/${name}.js failed${child.signal ? ` (${child.signal})` : ""}`);
  return /** @type {unknown} */ (JSON.parse(child.stdout));
}

/**
 * Writes bench/results/<prefix><date-time>.json.
 * @template {{ date: string }} Results
 * @param {Results} results
 * @returns {string} the path, from the root of the repository
 */
export function writeResults(results, prefix = "") {
  const folder = new URL("results/", import.meta.url);
  const name = `${prefix}${results.date.slice(0, 19).replaceAll(":", "-")}.json`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(name, folder), `${JSON.stringify(results, null, 2)}\n`);
  return `bench/results/${name}`;
}
