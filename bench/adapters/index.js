// @ts-check
// Part of npm run bench -- --peers: what a step takes in TensorFlow.js and jax-js with lanestep's adapters, and without.

/** @import { AdapterPlan, AdapterResult } from "./contenders.js" */

import { existsSync } from "node:fs";
import { leafLengths } from "../own/lanestep.js";
import { runCase } from "../run-case.js";
import { size } from "../table.js";

const K = 1 << 10;
const M = 1 << 20;

/** @typedef {{ engine: string, length: number, leaves: number, plan: AdapterPlan, result: AdapterResult & { version: string } }} AdapterRow */

/** @type {{ engine: "node" | "chromium", library: "tensorflow" | "jax", backend: string, needs: string[] }[]} */
const PLACES = [
  { engine: "node", library: "tensorflow", backend: "wasm", needs: ["@tensorflow/tfjs-backend-wasm"] },
  { engine: "node", library: "tensorflow", backend: "cpu", needs: ["@tensorflow/tfjs-backend-cpu"] },
  {
    engine: "chromium",
    library: "tensorflow",
    backend: "wasm",
    needs: ["@tensorflow/tfjs-backend-wasm", "playwright-core"],
  },
  {
    engine: "chromium",
    library: "tensorflow",
    backend: "cpu",
    needs: ["@tensorflow/tfjs-backend-cpu", "playwright-core"],
  },
  { engine: "node", library: "jax", backend: "wasm", needs: ["@jax-js/jax"] },
];

const SIZES = [
  { length: 10 * K, leaves: false, checkedSteps: 5 },
  { length: M, leaves: false, checkedSteps: 2 },
  { length: M, leaves: true, checkedSteps: 2 },
  { length: 16 * M, leaves: false, checkedSteps: 1 },
];

/**
 * @param {{ quick?: boolean | undefined, rounds: number }} options
 * @returns {Promise<{ adapters: AdapterRow[], missing: string[] }>}
 */
export async function measureAdapters({ quick, rounds }) {
  /** @type {AdapterRow[]} */
  const adapters = [];
  /** @type {string[]} */
  const missing = [];
  for (const { engine, library, backend, needs } of PLACES) {
    const name = `${library === "jax" ? "lanestep/jax" : "lanestep/tfjs"}, ${backend}, ${engine}`;
    const reason = await missingOf(engine, needs);
    if (reason) {
      missing.push(name);
      console.log(`NO ${name}: ${reason}`);
      continue;
    }
    for (const { length, leaves, checkedSteps } of quick ? SIZES.slice(0, 1) : SIZES) {
      const lengths = leaves ? leafLengths(length) : [length];
      /** @type {AdapterPlan} */
      const plan = { library, backend, lengths, checkedSteps, rounds, fewRounds: 3 };
      const result = /** @type {AdapterRow["result"]} */ (runCase("adapter", [engine, JSON.stringify(plan)]));
      adapters.push({ engine, length, leaves: lengths.length, plan, result });
    }
  }
  return { adapters, missing };
}

/**
 * @param {string} engine
 * @param {string[]} needs
 */
async function missingOf(engine, needs) {
  const missing = needs.find((name) => !existsSync(new URL(`../peers/node_modules/${name}`, import.meta.url)));
  if (missing) return `${missing} is not installed; to have it: npm ci --prefix bench/peers`;
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

const HEADS = ["ns a parameter", "without the adapter", "copies, of the step", "in the library"];

/** @param {AdapterRow[]} rows */
export function adaptersTable(rows) {
  const lines = rows.map(({ engine, length, leaves, plan, result }) => {
    const { times, alone } = result;
    const [own, ...others] = times;
    const per = (/** @type {number} */ nanoseconds) => (nanoseconds / length).toFixed(2);
    const theirs = others.map(
      ({ name, nanoseconds, ratio }) => `${name} ${per(nanoseconds)} × ${(1 / ratio).toFixed(1)}`,
    );
    const where = `${own?.name}, ${plan.backend}, ${engine}, ${size(length)}${leaves > 1 ? ` in ${leaves}` : ""}`;
    const copies = alone.ratio - 1;
    return [where, per(own?.nanoseconds ?? Number.NaN), per(alone.nanoseconds), copies.toFixed(2), theirs.join(", ")];
  });
  const widths = [46, 16, 21, 21, 0];
  return [["", ...HEADS], ...lines]
    .map((cells) =>
      cells
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join("")
        .trimEnd(),
    )
    .join("\n");
}
