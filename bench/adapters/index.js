// @ts-check
// Part of npm run bench -- --peers: what a step takes in TensorFlow.js and jax-js with lanestep's adapters, and without.

/** @import { AdapterPlan, AdapterResult } from "./contenders.js" */

import { leafLengths } from "../own/lanestep.js";
import { fromNpm } from "../peers/catalogue.js";
import { runCase } from "../run-case.js";
import { size } from "../table.js";

const K = 1 << 10;
const M = 1 << 20;

/** @typedef {{ engine: string, length: number, leaves: number, plan: AdapterPlan, result: AdapterResult & { version: string } }} AdapterRow */

const TENSORFLOW = ["core", "backend-cpu", "backend-wasm"].map((part) => `@tensorflow/tfjs-${part}`);
const IN_CHROMIUM = [...TENSORFLOW, "playwright-core"];

/** @type {{ engine: "node" | "chromium", library: "tensorflow" | "jax", backend: string, needs: string[] }[]} */
const PLACES = [
  { engine: "node", library: "tensorflow", backend: "wasm", needs: TENSORFLOW },
  { engine: "node", library: "tensorflow", backend: "cpu", needs: TENSORFLOW },
  { engine: "chromium", library: "tensorflow", backend: "wasm", needs: IN_CHROMIUM },
  { engine: "chromium", library: "tensorflow", backend: "cpu", needs: IN_CHROMIUM },
  { engine: "node", library: "jax", backend: "wasm", needs: ["@jax-js/jax"] },
];

const SIZES = [
  { length: 10 * K, leaves: false, checkedSteps: 10 },
  { length: M, leaves: false, checkedSteps: 2 },
  { length: M, leaves: true, checkedSteps: 2 },
  { length: 16 * M, leaves: false, checkedSteps: 1 },
];

/**
 * @param {{ quick?: boolean | undefined, rounds: number, isWanted: (name: string) => boolean }} options
 * @returns {Promise<{ adapters: AdapterRow[], missing: string[], versions: Record<string, string> }>}
 */
export async function measureAdapters({ quick, rounds, isWanted }) {
  console.log(`\nAdam alone, with and without lanestep's adapters; ns a parameter, ${rounds} rounds\n${line(HEADS)}`);
  /** @type {AdapterRow[]} */
  const adapters = [];
  /** @type {string[]} */
  const missing = [];
  /** @type {Record<string, string>} */
  const versions = {};
  for (const { engine, library, backend, needs } of PLACES) {
    const name = `${library === "jax" ? "lanestep/jax" : "lanestep/tfjs"}, ${backend}, ${engine}`;
    if (!isWanted(name)) continue;
    const found = fromNpm(needs);
    const reason = "missing" in found ? `${found.missing}; to have it: ${found.remedy}` : await missingOf(engine);
    if ("missing" in found || reason) {
      missing.push(name);
      console.log(`NO ${name}: ${reason}`);
      continue;
    }
    Object.assign(versions, found.versions);
    for (const { length, leaves, checkedSteps } of quick ? SIZES.slice(0, 1) : SIZES) {
      const lengths = leaves ? leafLengths(length) : [length];
      /** @type {AdapterPlan} */
      const plan = { library, backend, lengths, checkedSteps, rounds, fewRounds: 3 };
      const result = /** @type {AdapterRow["result"]} */ (runCase("adapter", [engine, JSON.stringify(plan)]));
      const row = { engine, length, leaves: lengths.length, plan, result };
      console.log(lineOf(row));
      adapters.push(row);
    }
  }
  return { adapters, missing, versions };
}

/** @param {string} engine */
async function missingOf(engine) {
  if (engine !== "chromium") return null;
  const { findChromium } = await import("../../test/runtimes/browsers/chromium.mjs");
  try {
    findChromium();
  } catch (error) {
    return /** @type {Error} */ (error).message;
  }
  const { buildPage } = await import(new URL("../peers/chromium.js", import.meta.url).href);
  await buildPage();
  return null;
}

const HEADS = ["", "with the adapter", "without", "copies, of the step", "in the library"];
const WIDTHS = [46, 18, 10, 21, 0];

/** @param {string[]} cells */
const line = (cells) =>
  cells
    .map((cell, i) => cell.padEnd(WIDTHS[i] ?? 0))
    .join("")
    .trimEnd();

/** @param {AdapterRow} row */
function lineOf({ engine, length, leaves, plan, result }) {
  const { times, alone } = result;
  const [own, ...others] = times;
  const per = (/** @type {number} */ nanoseconds) => (nanoseconds / length).toFixed(2);
  const theirs = others.map((time) => {
    const note = time.rounds === plan.rounds ? "" : ` (${time.rounds} rounds)`;
    return `${time.name} ${per(time.nanoseconds)} × ${(1 / time.ratio).toFixed(1)}${note}`;
  });
  const where = `${own?.name}, ${plan.backend}, ${engine}, ${size(length)}${leaves > 1 ? ` in ${leaves}` : ""}`;
  const copies = (alone.ratio - 1).toFixed(2);
  return line([where, per(own?.nanoseconds ?? Number.NaN), per(alone.nanoseconds), copies, theirs.join(", ")]);
}
