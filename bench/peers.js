// @ts-check
// npm run bench -- --peers: the step of `main.js` in the libraries that people use today.

/** @import { PeersPlan, PeersResult } from "./peers-table.js" */

import os from "node:os";
import { measureAdapters } from "./adapters/index.js";
import { TOLERANCE } from "./contest.js";
import { catalogue } from "./peers/catalogue.js";
import { peersTable } from "./peers-table.js";
import { runCase, writeResults } from "./run-case.js";

const K = 1 << 10;
const M = 1 << 20;
const ROUNDS = 15;

/**
 * @param {object} machine
 * @param {{ quick?: boolean | undefined, only?: string[] | undefined }} options `only`: parts of the names of the peers
 * @returns {Promise<boolean>}
 */
export async function peers(machine, { quick, only = [] }) {
  const isWanted = (/** @type {string} */ name) => only.length === 0 || only.some((part) => name.includes(part));
  const wanted = catalogue.filter(({ name }) => isWanted(name));
  /** @type {string[]} */
  const names = [];
  /** @type {string[]} */
  const missing = [];
  /** @type {Record<string, string>} */
  const versions = {};
  for (const { name, availability } of wanted) {
    const found = availability();
    if ("versions" in found) {
      names.push(name);
      Object.assign(versions, found.versions);
    } else {
      missing.push(name);
      console.log(`NO ${name}: ${found.missing}; to have it: ${found.remedy}`);
    }
  }
  const loadBefore = os.loadavg();

  const sizes = [
    { length: 10 * K, leaves: false, checkedSteps: 10, fewRounds: 5 },
    { length: M, leaves: false, checkedSteps: 4, fewRounds: 5 },
    { length: M, leaves: true, checkedSteps: 2, fewRounds: 5 },
    { length: 16 * M, leaves: false, checkedSteps: 2, fewRounds: 3 }, // the slowest takes seconds for one
  ];
  const results = (wanted.length === 0 ? [] : quick ? sizes.slice(0, 1) : sizes).map((each) => {
    /** @type {PeersPlan} */
    const plan = { ...each, rounds: ROUNDS, names };
    return /** @type {PeersResult} */ (runCase("peers", [JSON.stringify(plan)]));
  });

  const rounds = quick ? 5 : 2 * ROUNDS + 1; // shorter ones
  const { adapters, ...found } = await measureAdapters({ quick, rounds, isWanted });
  Object.assign(versions, found.versions);

  for (const [name, version] of Object.entries(versions)) console.log(`${name} ${version}`);

  const [first] = results;
  if (first) console.log(`backend: ${first.backend.name}, ${first.backend.path}`);
  console.log(`checked: all parameters within ${TOLERANCE} of the largest, before anything is timed`);
  console.log(`load of the machine: ${loadBefore[0]?.toFixed(1)} before, ${os.loadavg()[0]?.toFixed(1)} after`);
  if (first) {
    console.log(`\nns a parameter; × the peer's time over lanestep's, above 1 lanestep is faster; ${ROUNDS} rounds`);
    console.log(`\nclipping and adamw\n${peersTable(results, "clipped", missing, ROUNDS)}`);
    console.log(`\nadamw alone\n${peersTable(results, "plain", missing, ROUNDS)}`);
  }
  const loads = { loadBefore, loadAfter: os.loadavg() };
  const all = {
    date: new Date().toISOString(),
    machine,
    versions,
    missing: [...missing, ...found.missing],
    ...loads,
    results,
    adapters,
  };
  console.log(`\nwritten to ${writeResults(all, "peers-")}`);
  return true;
}
