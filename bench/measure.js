// @ts-check
// Rounds in which every contender runs once: what slows the machine slows them all, and a ratio taken within a round
// is worth more than one of two medians.

/**
 * One way to compute the step.
 * @typedef {object} Peer
 * @property {string} name
 * @property {() => Promise<void>} reset to the seeded values and empty state
 * @property {(clip: boolean, steps: number) => Promise<number>} run steps; nanoseconds for all of them
 * @property {(clip: boolean) => Promise<Float32Array>} params
 * @property {() => void} close
 */

/**
 * @typedef {object} Contender
 * @property {string} name
 * @property {(steps: number) => Promise<number>} run nanoseconds for all of `steps` steps
 */

/**
 * @typedef {object} Measurement
 * @property {string} name
 * @property {number} nanoseconds a step, the median
 * @property {[number, number]} quartiles of the nanoseconds
 * @property {number} ratio the first contender's time over this one's, the median
 */

/** Nanoseconds of running before the first round, until the engine's optimising compiler has had its time. */
const WARM_UP = 250e6;

/**
 * @param {number[]} values
 * @param {number} share of the values that lie below
 */
function quantile(values, share) {
  const sorted = [...values].sort((x, y) => x - y);
  return /** @type {number} */ (sorted[Math.floor((sorted.length - 1) * share)]);
}

/** @param {number[]} values */
export function median(values) {
  return quantile(values, 0.5);
}

/**
 * Medians of interleaved rounds. Ratios are the first contender's time over each one's, round by round.
 * @param {Contender[]} contenders
 * @param {{ rounds: number, steps: number, warmUp?: number }} extent steps a round for each; nanoseconds for warming up
 * @returns {Promise<Measurement[]>}
 */
export async function interleave(contenders, { rounds, steps, warmUp = WARM_UP }) {
  for (const { run } of contenders) {
    for (let spent = 0; spent < warmUp; ) spent += await run(steps);
  }
  const samples = contenders.map(() => /** @type {number[]} */ ([]));
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      // the order turns, so that nobody always comes after the one that emptied the caches
      const turn = (round + i) % contenders.length;
      const { run } = /** @type {Contender} */ (contenders[turn]);
      await run(1);
      samples[turn]?.push((await run(steps)) / steps);
    }
  }
  const first = /** @type {number[]} */ (samples[0]);
  return contenders.map(({ name }, i) => {
    const own = /** @type {number[]} */ (samples[i]);
    const ratios = own.map((sample, round) => /** @type {number} */ (first[round]) / sample);
    const quartiles = /** @type {[number, number]} */ ([quantile(own, 0.25), quantile(own, 0.75)]);
    return { name, nanoseconds: median(own), quartiles, ratio: median(ratios) };
  });
}

/**
 * What runs something so many times, and says how many nanoseconds that took.
 * @param {() => unknown} step
 * @returns {(steps: number) => Promise<number>}
 */
export const timed = (step) => async (steps) => {
  const start = performance.now();
  for (let i = 0; i < steps; i++) step();
  return (performance.now() - start) * 1e6;
};

/**
 * A case hands its results to `main.js` as one line of JSON.
 * @param {unknown} results
 */
export function report(results) {
  process.stdout.write(`${JSON.stringify(results)}\n`);
}
