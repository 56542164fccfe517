// @ts-check
// Cases as processes, and what is kept of a run.

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * Runs a case in a fresh process: no case inherits another's heap, or what the compiler learnt from it.
 * @param {string} name
 * @param {(string | number)[]} args
 * @param {string[]} flags of the engine
 */
export function runCase(name, args = [], flags = []) {
  const path = fileURLToPath(new URL(`cases/${name}.js`, import.meta.url));
  const child = spawnSync(process.execPath, [...flags, path, ...args.map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  if (child.status !== 0) {
    console.error(`\nbench/cases/${name}.js failed${child.signal ? ` (${child.signal})` : ""}`);
    process.exit(1);
  }
  return /** @type {unknown} */ (JSON.parse(child.stdout));
}

/**
 * @template {{ date: string }} Results
 * @param {Results} results
 */
export function writeResults(results) {
  const folder = fileURLToPath(new URL("results/", import.meta.url));
  const file = `${folder}${results.date.slice(0, 19).replaceAll(":", "-")}.json`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\nwritten to bench/results/${file.slice(folder.length)}`);
}
