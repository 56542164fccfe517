// @ts-check
// lanestep through its public API: gradients stand in the views, `step()` takes no argument.

/** @import { Peer } from "../measure.js" */

import { adamw, chain, clipByGlobalNorm } from "lanestep";
import { ADAM, Generator, MAX_NORM } from "../settings.js";

export const plainUpdate = adamw(ADAM);
export const clippedUpdate = chain(clipByGlobalNorm({ maxNorm: MAX_NORM }), plainUpdate);

/**
 * Lengths of 300 leaves as models have them, kernels and biases in turn, that make `total` together.
 * @param {number} total
 */
export function leafLengths(total) {
  const layers = 150;
  const biases = Array.from({ length: layers }, (_, layer) => 10 + (layer % 64));
  const kernel = Math.floor((total - biases.reduce((sum, length) => sum + length, 0)) / layers);
  const lengths = biases.flatMap((bias) => [kernel, bias]);
  lengths[0] = kernel + total - lengths.reduce((sum, length) => sum + length, 0);
  return lengths;
}

/** @implements {Peer} */
export class LanestepPeer {
  #lengths;
  /** @type {{ plain: Awaited<ReturnType<typeof start>>, clipped: Awaited<ReturnType<typeof start>> } | null} */
  #optimizers = null;

  /**
   * @param {string} name
   * @param {number[]} lengths of the leaves
   */
  constructor(name, lengths) {
    this.name = name;
    this.#lengths = lengths;
  }

  async reset() {
    this.close();
    this.#optimizers = {
      plain: await start(plainUpdate, this.#lengths),
      clipped: await start(clippedUpdate, this.#lengths),
    };
  }

  /** @param {boolean} clip */
  optimizer(clip) {
    if (!this.#optimizers) throw new Error("reset() comes first");
    return clip ? this.#optimizers.clipped : this.#optimizers.plain;
  }

  /**
   * @param {boolean} clip
   * @param {number} steps
   */
  async run(clip, steps) {
    const optimizer = this.optimizer(clip);
    const start = performance.now();
    for (let i = 0; i < steps; i++) optimizer.step();
    return (performance.now() - start) * 1e6;
  }

  /** @param {boolean} clip */
  async params(clip) {
    const leaves = this.optimizer(clip).params;
    const all = new Float32Array(this.#lengths.reduce((sum, length) => sum + length, 0));
    let offset = 0;
    for (const leaf of leaves) {
      all.set(leaf, offset);
      offset += leaf.length;
    }
    return all;
  }

  /** @param {boolean} clip */
  zeroGrads(clip) {
    this.optimizer(clip).zeroGrads();
  }

  close() {
    this.#optimizers?.plain.dispose();
    this.#optimizers?.clipped.dispose();
    this.#optimizers = null;
  }
}

/**
 * @param {typeof plainUpdate} update
 * @param {number[]} lengths
 */
async function start(update, lengths) {
  const generator = new Generator();
  const optimizer = await update.init(lengths.map((length) => generator.fill(new Float32Array(length))));
  for (const leaf of optimizer.grads) generator.fill(leaf);
  return optimizer;
}
