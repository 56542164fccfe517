// @ts-check
// Peers are compared only if they compute the same, over samples that are long enough.

/** @import { Peer } from "./measure.js" */

const CHECKED_STEPS = 10;
/** Relative to the largest. */
export const TOLERANCE = 1e-5;
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
  const what = `${CHECKED_STEPS} steps of ${expected.length} parameters ${clip ? "with clipping" : "without clipping"}`;
  for (const [name, actual] of params) requireSame(name, actual, expected, what);
}

/**
 * @param {ArrayLike<number>} actual
 * @param {ArrayLike<number>} expected
 * @returns {number} the largest difference of two elements; NaN where there is one, and for other lengths
 */
export function furthest(actual, expected) {
  let most = actual.length === expected.length ? 0 : Number.NaN;
  for (let i = 0; i < expected.length; i++) {
    most = Math.max(most, Math.abs(/** @type {number} */ (actual[i]) - /** @type {number} */ (expected[i])));
  }
  return most;
}

/**
 * @param {string} name
 * @param {ArrayLike<number>} actual parameters
 * @param {ArrayLike<number>} expected those of plain JS
 * @param {string} what has led to them
 * @throws Error if they differ by more than the tolerance, relative to the largest of them
 */
export function requireSame(name, actual, expected, what) {
  let magnitude = 0;
  for (let i = 0; i < expected.length; i++) {
    magnitude = Math.max(magnitude, Math.abs(/** @type {number} */ (expected[i])));
  }
  const difference = furthest(actual, expected) / magnitude;
  if (difference <= TOLERANCE) return;
  throw new Error(
    `${name} computes something else than plain JS: after ${what} they differ by ${difference.toExponential(2)} of the ` +
      `largest, allowed are ${TOLERANCE}`,
  );
}

/**
 * Runs something as in an engine that compiles nothing at run time.
 * @template T
 * @param {() => T} run
 * @returns {T}
 */
export function compilingNothing(run) {
  const { Module } = WebAssembly;
  WebAssembly.Module = new Proxy(Module, {
    construct() {
      throw new WebAssembly.CompileError("code generation disallowed");
    },
  });
  try {
    return run();
  } finally {
    WebAssembly.Module = Module;
  }
}
