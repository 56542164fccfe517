// @ts-check
// What `npm run bench -- --peers` prints.

/** @import { Measurement } from "./measure.js" */

import { size } from "./table.js";

/**
 * What the process of one size is told.
 * @typedef {object} PeersPlan
 * @property {number} length
 * @property {boolean} leaves 300 of them, instead of one
 * @property {number} rounds
 * @property {number} fewRounds of peers whose step takes long
 * @property {number} checkedSteps
 * @property {string[]} names of the peers of the catalogue that are there
 */

/** @typedef {Measurement & { rounds: number, steps: number }} PeerTime */

/**
 * @typedef {object} PeersResult
 * @property {number} length
 * @property {number} leaves
 * @property {{ steps: number, tolerance: number }} checked
 * @property {{ name: string, path: string, reason: string }} backend
 * @property {PeerTime[]} clipped
 * @property {PeerTime[]} plain
 */

export const NAIVE = "a pass an operation, wasm";

const NAME_WIDTH = 30;
const CELL_WIDTH = 26;

/** @param {string[]} cells */
const row = ([name, ...cells]) =>
  `${name?.padEnd(NAME_WIDTH)}${cells.map((cell) => cell.padEnd(CELL_WIDTH)).join("")}`.trimEnd();

/**
 * A line a peer, a column a size: ns a parameter, and its time over lanestep's of the same rounds.
 * @param {PeersResult[]} results
 * @param {"clipped" | "plain"} variant
 * @param {string[]} missing names of peers that are not there
 * @param {number} rounds of which no note is made
 */
export function peersTable(results, variant, missing, rounds) {
  const names = [...new Set(results.flatMap((result) => result[variant].map(({ name }) => name)))];
  const heads = results.map(({ length, leaves }) => (leaves > 1 ? `${size(length)}, ${leaves} leaves` : size(length)));
  const lines = names.map((name) =>
    row([
      name,
      ...results.map((result) =>
        cell(
          result,
          result[variant].find((time) => time.name === name),
          rounds,
        ),
      ),
    ]),
  );
  return [row(["", ...heads]), ...lines, ...missing.map((name) => row([name, "not there"]))].join("\n");
}

/**
 * @param {PeersResult} result
 * @param {PeerTime | undefined} time
 * @param {number} usualRounds
 */
function cell({ length }, time, usualRounds) {
  if (!time) return "—";
  const nanoseconds = significant(time.nanoseconds / length);
  if (time.name === "lanestep") return nanoseconds;
  const note = time.rounds === usualRounds ? "" : ` (${time.rounds} rounds)`;
  return `${nanoseconds}  × ${significant(1 / time.ratio)}${note}`;
}

/** @param {number} value */
const significant = (value) => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);
