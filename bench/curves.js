// @ts-check
// npm run bench -- --curves: how the time of a step grows.

/** @import { Measurement } from "./measure.js" */
/** @import { describeMachine } from "./machine.js" */

import { runCase, writeResults } from "./run-case.js";
import { BY_HAND, fastestNative, LINKED, named, size } from "./table.js";

/**
 * @typedef {object} Point
 * @property {number} length parameters
 * @property {number} rounds
 * @property {Measurement[]} measurements
 */

/** @typedef {Point & { engine: string, backend: { name: string, path: string, reason: string } }} SizePoint */
/** @typedef {Point & { leaves: number }} LeavesPoint */
/** @typedef {Point & { rules: number }} ChainPoint */
/** @typedef {Point & { bytes: number }} MemoryPoint */

/**
 * @typedef {object} Curves
 * @property {string} date
 * @property {ReturnType<typeof describeMachine> & { compiler: string | null }} machine
 * @property {SizePoint[]} sizes
 * @property {LeavesPoint[]} leaves
 * @property {ChainPoint[]} chains
 * @property {MemoryPoint[]} memory
 */

/** 2^from, 2^(from + by), … 2^to. @param {number} from @param {number} to */
const powers = (from, to, by = 1) =>
  Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, i) => 2 ** (from + i * by));

/** Parameters of which four planes, with the gaps between them, just fit into one memory. */
const FULL = 2 ** 28 - 2 ** 16;

/** Where a step takes milliseconds, and its peers take gigabytes. */
const FEW_ROUNDS = 15;
const LARGE = 2 ** 22;

/** @param {string[]} cells */
const row = (cells) =>
  cells
    .map((cell) => cell.padEnd(20))
    .join("")
    .trimEnd();

/**
 * @param {Curves["machine"]} machine
 * @param {{ quick?: boolean | undefined }} options
 * @returns {boolean}
 */
export function curves(machine, { quick }) {
  const plan = quick
    ? { sizes: powers(4, 20, 4), leaves: powers(0, 12, 4), chains: [1, 4, 8], memory: powers(16, 22, 2), rounds: 5 }
    : {
        sizes: powers(4, 26, 2),
        leaves: powers(0, 14, 2),
        chains: [1, 2, 3, 4, 5, 6, 7, 8],
        memory: [...powers(16, 26, 2), 2 ** 27, FULL],
        rounds: 31,
      };

  /**
   * Runs a case for each value and prints a line of each.
   * @template {Point} P
   * @param {string} name
   * @param {number[]} values
   * @param {(point: P, time: (measurement: Measurement) => string) => string[]} cells
   * @param {string[]} args
   */
  const curve = (name, values, cells, ...args) =>
    values.map((value) => {
      const rounds = name === "memory" || value > LARGE ? FEW_ROUNDS : plan.rounds;
      const point = /** @type {P} */ (runCase(name, [value, Math.min(rounds, plan.rounds), ...args]));
      console.log(row(cells(point, ({ nanoseconds }) => (nanoseconds / point.length).toFixed(3))));
      return point;
    });

  console.log("\nclipping and adamw, ns a parameter");
  console.log(row(["parameters", "lanestep", "its loop alone", "AssemblyScript", "native C"]));
  /** @type {SizePoint[]} */
  const sizes = curve(
    "step",
    plan.sizes,
    ({ length, measurements }, time) => {
      const native = fastestNative(measurements);
      const [lanestep, linked, byHand] = ["lanestep", LINKED, BY_HAND].map((name) => time(named(measurements, name)));
      return [size(length), `${lanestep}`, `${linked}`, `${byHand}`, native ? time(native) : "no compiler"];
    },
    "native",
  );

  console.log("\n1 M parameters in many leaves, ns a parameter, and ns more a leaf than one leaf takes");
  console.log(row(["leaves", "step()", "step(grads)", "step(), a leaf", "step(grads), a leaf"]));
  /** @type {LeavesPoint[]} */
  const leaves = curve("leaves", plan.leaves, (point, time) => {
    const [one, oneGiven, many, manyGiven] = /** @type {[Measurement, Measurement, Measurement, Measurement]} */ (
      point.measurements
    );
    // From ratios within rounds; between few leaves the difference is noise.
    const more = (/** @type {Measurement} */ one, /** @type {Measurement} */ many) =>
      point.leaves >= 64 ? (((one.ratio / many.ratio - 1) * one.nanoseconds) / (point.leaves - 1)).toFixed(0) : "";
    return [`${point.leaves}`, time(many), time(manyGiven), more(one, many), more(oneGiven, manyGiven)];
  });

  console.log("\nrules in a chain, 256 k parameters, ns a parameter");
  console.log(row(["rules", "one linked loop", "over tiles", "each rule alone, sum"]));
  /** @type {ChainPoint[]} */
  const chains = curve("chains", plan.chains, ({ rules, measurements }, time) => [
    `${rules}`,
    ...measurements.map(time),
  ]);

  console.log("\nadamw without clipping, over the bytes of its four planes, ns a parameter");
  console.log(row(["MB", "lanestep", "AssemblyScript"]));
  /** @type {MemoryPoint[]} */
  const memory = curve("memory", plan.memory, ({ bytes, measurements }, time) => [
    `${(bytes / 2 ** 20).toFixed(0)}`,
    ...measurements.map(time),
  ]);

  const path = writeResults({ date: new Date().toISOString(), machine, sizes, leaves, chains, memory }, "curves-");
  console.log(`\nwritten to ${path}; node bench/draw.js ${path} draws docs/curves.svg`);
  return true;
}
