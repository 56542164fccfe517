// @ts-check
// Peers are compared only if they compute the same, over samples that are long enough.

/** @import { Peer } from "./measure.js" */

const CHECKED_STEPS = 10;
const TOLERANCE = 1e-5;
/** Parameters a sample: long against the clock's grain. */
const PARAMETERS_A_SAMPLE = 1 << 20;
/** Below 64 parameters a step takes what its call takes, whatever their number. */
const MOST_STEPS = 1 << 14;

/**
 * Short samples, so that where other processes share the core most of them are whole.
 * @param {number} length
 */
export function stepsASample(length, parameters = PARAMETERS_A_SAMPLE) {
  return Math.min(MOST_STEPS, Math.max(1, Math.floor(parameters / length)));
}

/**
 * Compares the parameters of all peers after a few steps with the plain loop's, relative to the largest of them.
 * @param {Peer[]} peers of which one is called "plain JS"
 * @param {boolean} clip
 * @throws Error if one computes something else
 */
export async function checkAgreement(peers, clip) {
  /** @type {Map<string, Float32Array>} */
  const params = new Map();
  for (const peer of peers) {
    await peer.reset();
    await peer.run(clip, CHECKED_STEPS);
    params.set(peer.name, await peer.params(clip));
  }
  const expected = /** @type {Float32Array} */ (params.get("plain JS"));
  const magnitude = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  for (const [name, actual] of params) {
    const furthest = expected.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - /** @type {number} */ (actual[i]))),
      0,
    );
    const difference = furthest / magnitude;
    if (difference <= TOLERANCE) continue;
    const what = clip ? "with clipping" : "without clipping";
    throw new Error(
      `${name} computes something else than plain JS: after ${CHECKED_STEPS} steps of ${expected.length} parameters ` +
        `${what} they differ by ${difference.toExponential(2)} of the largest, allowed are ${TOLERANCE}`,
    );
  }
}
