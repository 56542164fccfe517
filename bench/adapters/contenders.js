// @ts-check
// What the contenders of an adapter share, in Node and in a page: Adam alone, as `tf.train.adam` and jax-js's users have it,
// and how they are checked and timed.

/** @import { Peer } from "../measure.js" */

import { adam } from "lanestep";
import { requireSame } from "../contest.js";
import { interleave } from "../measure.js";
import { JavaScriptPeer } from "../own/javascript.js";
import { ADAM, clipFactor, Generator } from "../settings.js";

Object.assign(ADAM, { eps: 1e-7, epsRoot: 0, decay: 0 }); // TensorFlow.js's
const { learningRate, b1, b2, eps, epsRoot } = ADAM;
export const update = adam({ learningRate, b1, b2, eps, epsRoot });

/**
 * What the process, or the page, of one size is told.
 * @typedef {object} AdapterPlan
 * @property {"tensorflow" | "jax"} library
 * @property {string} backend of that library
 * @property {number[]} lengths of the leaves
 * @property {number} rounds
 * @property {number} fewRounds where a step of the library takes long
 * @property {number} checkedSteps with the gradients, and as many with others
 */

/** @typedef {{ name: string, nanoseconds: number, quartiles: [number, number], ratio: number, rounds: number }} AdapterTime */

/**
 * @typedef {object} AdapterResult
 * @property {AdapterTime[]} times the adapter's first, then those of the library; × the adapter's time over each one's
 * @property {AdapterTime} alone lanestep's step without the adapter
 * @property {{ name: string, path: string }} lanestep its backend
 */

/**
 * Parameters a sample: long against the clock's grain, in a page a tenth of a millisecond. No longer than that: where others
 * share the core most samples are whole.
 */
const PARAMETERS_A_SAMPLE = "document" in globalThis ? 1 << 22 : 1 << 20;
/** Nanoseconds: a sample of the slowest is no longer than this, if more than one step is. */
const LONG_SAMPLE = 0.2e9;
/** Nanoseconds: where a step alone is longer there are fewer rounds. */
const LONG_STEP = 0.25e9;
const WARM_UP = 250e6;

/**
 * Parameters and gradients from the generator, and other gradients: plain JS's clipped ones, as gradients that stay the same
 * say nothing of b1 and b2.
 * @param {number[]} lengths
 */
export function generate(lengths) {
  const generator = new Generator();
  const fill = () => lengths.map((length) => generator.fill(new Float32Array(length)));
  const [params, grads] = [fill(), fill()];
  let sum = 0;
  for (const leaf of grads) for (const g of leaf) sum += g * g;
  const factor = clipFactor(sum);
  return { params, grads, others: grads.map((leaf) => leaf.map((g) => g * factor)) };
}

/** @param {Iterable<Float32Array>} leaves */
export function joined(leaves) {
  const all = [...leaves];
  const result = new Float32Array(all.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const leaf of all) {
    result.set(leaf, offset);
    offset += leaf.length;
  }
  return result;
}

/**
 * lanestep with its gradients in place.
 * @implements {Peer}
 */
export class StepAlone {
  name = "lanestep's step alone";
  #lengths;
  /** @type {ReturnType<typeof this.start> | null} */
  #started = null;

  /** @param {number[]} lengths */
  constructor(lengths) {
    this.#lengths = lengths;
  }

  start() {
    const { params, grads, others } = generate(this.#lengths);
    return { optimizer: update.initSync(params), grads, others };
  }

  get optimizer() {
    if (!this.#started) throw new Error("reset() comes first");
    return this.#started.optimizer;
  }

  async reset() {
    this.close();
    this.#started = this.start();
    this.#give(this.#started.grads);
  }

  /** @param {Float32Array[]} grads */
  #give(grads) {
    for (const [leaf, view] of this.optimizer.grads.entries()) view.set(/** @type {Float32Array} */ (grads[leaf]));
  }

  /**
   * @param {boolean} others whether with the other gradients
   * @param {number} steps
   */
  async run(others, steps) {
    if (others && this.#started) this.#give(this.#started.others);
    const { optimizer } = this;
    const start = performance.now();
    for (let i = 0; i < steps; i++) optimizer.step();
    const time = (performance.now() - start) * 1e6;
    if (others && this.#started) this.#give(this.#started.grads);
    return time;
  }

  async params() {
    return joined(this.optimizer.params);
  }

  close() {
    this.#started?.optimizer.dispose();
    this.#started = null;
  }
}

/**
 * Checks all against plain JS, then times the adapter against each of the others, and against lanestep's step alone.
 * @param {AdapterPlan} plan
 * @param {Peer[]} peers the adapter first
 * @returns {Promise<AdapterResult>}
 */
export async function measureAdapter({ lengths, rounds, fewRounds, checkedSteps }, peers) {
  const length = lengths.reduce((sum, each) => sum + each, 0);
  const alone = new StepAlone(lengths);
  const reference = new JavaScriptPeer(length);
  const after = async (/** @type {Peer} */ peer) => {
    await peer.reset();
    await peer.run(true, checkedSteps);
    await peer.run(false, checkedSteps);
    return peer.params(false);
  };
  const expected = (await after(reference)).slice();
  const what = `${2 * checkedSteps} steps of ${length} parameters`;
  for (const peer of [...peers, alone]) requireSame(peer.name, await after(peer), expected, what);

  const contender = (/** @type {Peer} */ peer) => ({
    name: peer.name,
    run: (/** @type {number} */ steps) => peer.run(false, steps),
  });
  const [adapter, ...others] = /** @type {[Peer, ...Peer[]]} */ (peers);
  const usual = Math.max(1, Math.floor(PARAMETERS_A_SAMPLE / length));
  const timed = async (/** @type {Peer} */ peer, /** @type {number} */ steps, count = rounds, warmUp = WARM_UP) => {
    const measured = await interleave([adapter, peer].map(contender), { rounds: count, steps, warmUp });
    return measured.map((time) => ({ ...time, rounds: count }));
  };
  const [own, step] = await timed(alone, usual);
  const times = [/** @type {AdapterTime} */ (own)];
  for (const peer of others) {
    const one = await peer.run(false, 1);
    const steps = Math.max(1, Math.min(usual, Math.floor(LONG_SAMPLE / one)));
    const [, theirs] = one > LONG_STEP ? await timed(peer, steps, fewRounds, 0) : await timed(peer, steps);
    times.push(/** @type {AdapterTime} */ (theirs));
  }
  const { name, path } = alone.optimizer.backend;
  for (const peer of [...peers, alone]) peer.close();
  return { times, alone: /** @type {AdapterTime} */ (step), lanestep: { name, path } };
}
