// @ts-check
// What the bench prints.

/** @import { Measurement } from "./measure.js" */

/**
 * @typedef {object} SizeResult
 * @property {number} length
 * @property {{ name: string, path: string, reason: string }} backend
 * @property {Measurement[]} clipped
 * @property {Measurement[]} plain
 */

/** @typedef {"clipped" | "plain"} Variant */

/** lanestep's loop without the step around it. */
export const LINKED = "linked loop";
export const BY_HAND = "AssemblyScript";
export const LEAVES = "lanestep, 300 leaves";
const NATIVE = /^C /;
const PLAIN_JS = "plain JS";

/** @param {number} length */
export function size(length) {
  if (length >= 1 << 20) return `${length >> 20} M`;
  return length >= 1 << 10 ? `${length >> 10} k` : `${length}`;
}

/**
 * @param {Measurement[]} measurements
 * @param {string} name
 */
export function named(measurements, name) {
  const found = measurements.find((measurement) => measurement.name === name);
  if (!found) throw new Error(`"${name}" was not measured`);
  return found;
}

/**
 * The faster of the native builds.
 * @param {Measurement[]} measurements
 */
export function fastestNative(measurements) {
  const natives = measurements.filter(({ name }) => NATIVE.test(name));
  return natives.reduce(
    (best, each) => (best && best.nanoseconds <= each.nanoseconds ? best : each),
    /** @type {Measurement | null} */ (null),
  );
}

/** @param {string[]} cells */
function row(cells) {
  const widths = [12, 10, 18, 18, 30, 18];
  return cells
    .map((cell, i) => cell.padEnd(widths[i] ?? 0))
    .join("")
    .trimEnd();
}

export const header = row(["parameters", "lanestep", "its loop alone", "AssemblyScript", "native C", "plain JS"]);

/**
 * @param {SizeResult} result
 * @param {Variant} variant
 */
export function sizeRow({ length, ...variants }, variant) {
  const measurements = variants[variant];
  const time = (/** @type {Measurement} */ { nanoseconds }) => (nanoseconds / length).toFixed(2);
  const peer = (/** @type {Measurement} */ measurement) => `${time(measurement)}  × ${measurement.ratio.toFixed(2)}`;
  const native = fastestNative(measurements);
  return row([
    size(length),
    time(named(measurements, "lanestep")),
    peer(named(measurements, LINKED)),
    peer(named(measurements, BY_HAND)),
    native ? `${peer(native)}  ${native.name}` : "no compiler",
    peer(named(measurements, PLAIN_JS)),
  ]);
}

/**
 * @typedef {object} Expectation
 * @property {string} what
 * @property {number} value
 * @property {number} limit that the value should not pass
 * @property {string} unit
 * @property {string} note
 */

/** @param {Expectation} expectation */
export function expectationRow({ what, value, limit, unit, note }) {
  const digits = limit > 0 && limit < 100 ? 2 : 0;
  const measured = `${value.toFixed(digits)}${unit}`;
  const verdict = value <= limit ? "as expected" : "NOT AS EXPECTED";
  return `${what.padEnd(52)}${measured.padEnd(14)}${`<= ${limit}${unit}`.padEnd(17)}${verdict}${note && `  (${note})`}`;
}
