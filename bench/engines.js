// @ts-check
// npm run bench -- --engines: the core of the bench on Node, Deno and Bun.

/** @import { Measurement } from "./measure.js" */
/** @import { InitResult } from "./expectations.js" */
/** @import { SizePoint } from "./curves.js" */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { median } from "./measure.js";
import { runCase, writeResults } from "./run-case.js";
import { BY_HAND, LINKED, named, size } from "./table.js";

const installed = (/** @type {string} */ path) =>
  fileURLToPath(new URL(`../test/runtimes/node_modules/${path}`, import.meta.url));

const { platform, arch } = process;

/**
 * What runs a script, its path to be added. The cases import packages by name: Deno finds them in node_modules.
 * @type {Record<string, [string, ...string[]]>}
 */
const commands = {
  "this Node": [process.execPath],
  "Node 26": [installed(`node-26-${platform}-${arch}/bin/node${platform === "win32" ? ".exe" : ""}`)],
  Deno: [installed("deno/deno"), "run", "--quiet", "--no-lock", "--node-modules-dir=manual", "--allow-all"],
  Bun: [installed("bun/bin/bun.exe")],
};

const K = 1 << 10;
const M = 1 << 20;

/**
 * @param {readonly string[]} command
 * @param {{ sizes: number[], rounds: number, processes: number }} plan
 */
function measure(command, { sizes, rounds, processes }) {
  const steps = sizes.map((length) => /** @type {SizePoint} */ (runCase("step", [length, rounds], command)));
  const overhead = /** @type {Measurement[]} */ (runCase("overhead", [rounds], command));
  const inits = Array.from({ length: processes }, () => /** @type {InitResult} */ (runCase("init", [], command)));
  const init = {
    first: median(inits.map(({ importing, first }) => importing + first)),
    sameChain: median(inits.map(({ sameChain }) => sameChain)),
    newChain: median(inits.map(({ newChain }) => newChain)),
  };
  return { sizes: steps, overhead, init };
}

/** @param {string[]} cells */
const row = (cells) =>
  cells
    .map((cell, i) => cell.padEnd(i === 0 ? 40 : 15))
    .join("")
    .trimEnd();

/**
 * @param {object} machine
 * @param {{ quick?: boolean | undefined }} options
 * @returns {boolean} whether all engines ran to the end
 */
export function engines(machine, { quick }) {
  const plan = quick
    ? { sizes: [K, M], rounds: 5, processes: 3 }
    : { sizes: [K, M, 16 * M], rounds: 31, processes: 11 };
  console.log("\nclipping and adamw, ns a parameter; × time of the linked loop over that of the hand-written one");
  console.log("16 p.: a step of 16 parameters, ns; init of a small model, ms: import and first, again, another chain");
  console.log(row(["engine", "path", ...plan.sizes.map(size), "16 p.", "init: first", "again", "another"]));
  const results = [];
  /** @type {string[]} */
  const missing = [];
  for (const [name, command] of Object.entries(commands)) {
    if (!existsSync(command[0])) {
      missing.push(`${name} is missing: npm ci --prefix test/runtimes`);
      continue;
    }
    try {
      const result = measure(command, plan);
      results.push(result);
      const { sizes, overhead, init } = result;
      const [{ engine, backend }] = /** @type {[SizePoint]} */ (sizes);
      const cells = sizes.map(({ length, measurements }) => {
        const ratio = named(measurements, BY_HAND).ratio / named(measurements, LINKED).ratio;
        return `${(named(measurements, "lanestep").nanoseconds / length).toFixed(2)}  × ${ratio.toFixed(2)}`;
      });
      const times = [init.first, init.sameChain, init.newChain].map((milliseconds) => milliseconds.toFixed(2));
      console.log(row([engine, backend.path, ...cells, (overhead[0]?.nanoseconds ?? Number.NaN).toFixed(0), ...times]));
    } catch (error) {
      missing.push(`${name} did not run to the end: ${error}`);
    }
  }
  console.log(
    `\nwritten to ${writeResults({ date: new Date().toISOString(), machine, engines: results }, "engines-")}`,
  );
  for (const sentence of missing) console.error(sentence);
  return missing.length === 0;
}
