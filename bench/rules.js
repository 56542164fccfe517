// @ts-check
// `--rules`: every rule and every named optimizer against what bounds it.

/** @import { Measurement } from "./measure.js" */
/** @import { Row } from "./rule-rows.js" */

import { sameLanes } from "./build.js";
import { MOVES, ROOTS, rows, WITHOUT } from "./rule-rows.js";
import { runCase, writeResults } from "./run-case.js";
import { fastestNative, size } from "./table.js";

const M = 1 << 20;
/** What a step may take of its floor. */
const LIMITS = new Map([
  [M, 1.2],
  [16 * M, 1.15],
]);

/** @typedef {{ name: string, length: number, backend: { name: string }, measurements: Measurement[] }} RuleResult */
/** @typedef {{ against: string, ns: number, ratio: number, limit: number }} Verdict */

/**
 * The slower of what a step cannot be faster than.
 * @param {RuleResult} result
 * @returns {Measurement | null}
 */
function floorOf({ length, measurements }) {
  const isCache = length === M;
  const others = measurements.filter(({ name }) => (isCache ? [ROOTS, sameLanes.name] : [MOVES]).includes(name));
  const native = isCache ? null : fastestNative(measurements);
  const all = native ? [...others, native] : others;
  return all.reduce(
    (slowest, each) => (slowest && slowest.ratio <= each.ratio ? slowest : each),
    /** @type {Measurement | null} */ (null),
  );
}

/**
 * @param {Row} row
 * @param {RuleResult} result
 * @returns {Verdict[]}
 */
function verdicts({ without }, result) {
  const floor = floorOf(result);
  const base = result.measurements.find(({ name }) => name === WITHOUT);
  const limit = without?.limits[result.length];
  const pairs = /** @type {[Measurement | null | undefined, number | undefined][]} */ ([
    [floor, LIMITS.get(result.length)],
    [base, limit],
  ]);
  return pairs.flatMap(([measurement, limit]) => {
    if (!measurement || limit === undefined) return [];
    const { name, nanoseconds, ratio } = measurement;
    return [{ against: name, ns: nanoseconds / result.length, ratio, limit }];
  });
}

/** @param {string[]} cells */
const line = (cells) => {
  const widths = [24, 7, 10, 34, 8, 9];
  return cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join("");
};

/**
 * @param {object} machine
 * @param {{ quick?: boolean | undefined, only?: string[] | undefined }} options `only`: parts of the names of the rows
 *   that are wanted
 * @returns {boolean}
 */
export function rules(machine, { quick, only = [] }) {
  const wanted = rows.filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));
  if (wanted.length === 0) {
    console.error(`no row is named so; there are ${rows.map(({ name }) => `"${name}"`).join(" ")}`);
    return false;
  }
  const lengths = quick ? [M] : [M, 16 * M];
  console.log("\nns a parameter; lanestep's step over what bounds it");
  console.log(line(["rule", "", "lanestep", "floor", "ratio", "target"]));
  const results = [];
  let missed = 0;
  for (const row of wanted) {
    for (const length of lengths) {
      const args = [row.name, length, 15, ...(length === M ? [] : ["memory"])];
      const result = /** @type {RuleResult} */ (runCase("rule", args));
      const own = /** @type {Measurement} */ (result.measurements[0]);
      const all = verdicts(row, result);
      const cells = [row.name, size(length), (own.nanoseconds / length).toFixed(2)];
      if (!all.some(({ against }) => against !== WITHOUT)) console.log(line([...cells, "no C compiler, no floor"]));
      for (const { against, ns, ratio, limit } of all) {
        const isMissed = ratio > limit;
        missed += isMissed ? 1 : 0;
        const bound = [`${ns.toFixed(2)}  ${against}`, ratio.toFixed(2), `<= ${limit}`];
        console.log(line([...cells, ...bound, isMissed ? "NOT AS EXPECTED" : "as expected"]));
      }
      results.push({ ...result, verdicts: all });
    }
  }
  console.log(`\n${missed} not as expected`);
  console.log(`\nwritten to ${writeResults({ date: new Date().toISOString(), machine, rules: results }, "rules-")}`);
  return true;
}
