// @ts-check
// What the numbers should be, and the wide margins past which `--guard` fails.

/** @import { Measurement } from "./measure.js" */
/** @import { Expectation, SizeResult } from "./table.js" */

import { BY_HAND, fastestNative, LEAVES, LINKED, named, size } from "./table.js";

/** @typedef {{ importing: number, first: number, sameChain: number, newChain: number, slowestNewChain: number }} InitResult */
/** @typedef {{ steps: number, bytesAStep: number, kept: number }} GarbageResult */
/** @typedef {{ length: number, beside: number }} MemoryResult */
/** @typedef {{ tenants: number, microseconds: number, planes: number, heap: number, memories: MemoryResult[] }} TenantsResult */
/** @typedef {{ masks: Measurement[], gates: Measurement[] }} GroupsResult */
/** @typedef {{ name: string, length: number, measurements: Measurement[] }} TilesResult linked, then over tiles */
/** @typedef {{ firstIsZero: boolean, secondIsZero: boolean }} Moments */
/** @typedef {{ length: number, zeros: { soon: Moments, late: Moments }, measurements: Measurement[] }} IdleResult */

/**
 * @typedef {object} Results
 * @property {SizeResult[]} sizes
 * @property {Measurement[]} overhead
 * @property {GroupsResult} groups
 * @property {TilesResult[]} tiles
 * @property {InitResult} init
 * @property {IdleResult} idle
 * @property {GarbageResult} garbage
 * @property {TenantsResult} tenants
 */

const GUARD = { byHand: 1.3, leaves: 1.5 };
/**
 * Each is a median of ratios within rounds, which a machine that changes its speed between rounds does not move.
 * @param {Measurement[]} measurements
 */
const ofLoops = (measurements) => named(measurements, BY_HAND).ratio / named(measurements, LINKED).ratio;

/**
 * The ratio of the linked loop to the hand-written one, with clipping or without, where it is worse.
 * @param {SizeResult} result
 */
function againstByHand({ length, clipped, plain }) {
  const ratios = { "with clipping": ofLoops(clipped), "without clipping": ofLoops(plain) };
  const ratio = Math.max(...Object.values(ratios));
  const note = ratio === ratios["with clipping"] ? "with clipping" : "without clipping";
  return { what: `${size(length)} linked loop / hand-written`, ratio, note };
}

/**
 * 300 leaves over one leaf of as many parameters.
 * @param {SizeResult[]} sizes
 */
function leavesRatio(sizes) {
  const { length, clipped } = /** @type {SizeResult} */ (
    sizes.find((result) => result.clipped.some(({ name }) => name === LEAVES))
  );
  const { nanoseconds, ratio } = named(clipped, LEAVES);
  const time = (nanoseconds / length).toFixed(2);
  return { ratio: 1 / ratio, what: `${size(length)} in 300 leaves / in one`, note: `${time} ns a parameter` };
}

/**
 * @param {GroupsResult} groups
 * @returns {Expectation[]}
 */
function groupRatios({ masks, gates }) {
  const ratio = (/** @type {Measurement[]} */ measurements) => 1 / /** @type {Measurement} */ (measurements[1]).ratio;
  return [
    { what: "300 leaves, decay on matrices / on all", value: ratio(masks), limit: 1.1, unit: "", note: "" },
    { what: "clipping, NaN checked / unchecked", value: ratio(gates), limit: 1.05, unit: "", note: "" },
  ];
}

/**
 * @param {TilesResult} result
 * @returns {Expectation}
 */
function tilesRatio({ name, length, measurements }) {
  const [, tiled] = /** @type {[Measurement, Measurement]} */ (measurements);
  return { what: `${size(length)} over tiles / linked`, value: 1 / tiled.ratio, limit: 2, unit: "", note: name };
}

/**
 * @param {Results} results
 * @returns {Expectation[]}
 */
export function expectations({ sizes, overhead, groups, tiles, init, idle, garbage, tenants }) {
  const largest = /** @type {SizeResult} */ (sizes.at(-1));
  const native = largest.length === 1 << 24 ? fastestNative(largest.clipped) : null;
  const leaves = leavesRatio(sizes);
  const [, soon, late] = /** @type {[Measurement, Measurement, Measurement]} */ (idle.measurements);
  const { zeros } = idle;
  const zerosLeft = [zeros.soon.firstIsZero, zeros.late.firstIsZero, zeros.late.secondIsZero].filter((zero) => !zero);
  /** @type {(what: string, value: number, limit: number, unit?: string, note?: string) => Expectation} */
  const expect = (what, value, limit, unit = "", note = "") => ({ what, value, limit, unit, note });
  return [
    ...sizes.map(againstByHand).map(({ what, ratio, note }) => expect(what, ratio, 1.05, "", note)),
    ...(native ? [expect("16 M step / native C", native.ratio, 1.05, "", native.name)] : []),
    expect(leaves.what, leaves.ratio, 1.05, "", leaves.note),
    ...groupRatios(groups),
    ...tiles.map(tilesRatio),
    expect("a step of 16 parameters", overhead[0]?.nanoseconds ?? Number.NaN, 1000, " ns"),
    expect("first init", init.first, 5, " ms"),
    expect("init after the first, same chain", init.sameChain, 0.5, " ms"),
    expect("init after the first, new chain", init.newChain, 0.5, " ms"),
    expect("after 1,000 zero gradients / at the start", 1 / soon.ratio, 1.05),
    expect("after 70,000 zero gradients / at the start", 1 / late.ratio, 1.05),
    expect("moments not zero by then", zerosLeft.length, 0),
    expect("kept on the heap after 100,000 steps", garbage.kept, 4096, " bytes"),
    expect("one of 1,000 small optimizers, made in", tenants.microseconds, 50, " µs"),
    expect("one of 1,000 small optimizers, beside its planes", tenants.heap, 1024, " bytes"),
    ...tenants.memories.map(({ length, beside }) => {
      return expect(`a memory of ${size(length)} parameters, beside its planes`, beside, 65536, " bytes");
    }),
  ];
}

/**
 * @param {SizeResult[]} sizes
 * @returns {string[]}
 */
export function guardViolations(sizes) {
  const leaves = leavesRatio(sizes);
  const violations = sizes
    .map(againstByHand)
    .filter(({ ratio }) => ratio > GUARD.byHand)
    .map(({ what, ratio, note }) => `${what} is ${ratio.toFixed(2)} ${note}, more than ${GUARD.byHand}`);
  if (leaves.ratio > GUARD.leaves) {
    violations.push(`${leaves.what} is ${leaves.ratio.toFixed(2)}, more than ${GUARD.leaves}`);
  }
  return violations;
}
