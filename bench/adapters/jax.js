// @ts-check
// `lanestep/jax` and Adam of jax-js's operations, eager and jitted: gradients come and parameters go as arrays of jax-js.

/** @import { Peer } from "../measure.js" */
/** @import { AdapterPlan } from "./contenders.js" */

import { defaultDevice, init, numpy as np } from "@jax-js/jax";
import { JaxOptimizer } from "lanestep/jax";
import { generate, joined, measureAdapter, update } from "./contenders.js";

/** @typedef {np.Array[]} Leaves */

/** @implements {Peer} */
class AdapterPeer {
  name = "lanestep/jax";
  #lengths;
  /** @type {{ grads: Leaves, others: Leaves }} */
  #given = { grads: [], others: [] };
  /** @type {Leaves} */
  #params = [];
  /** @type {JaxOptimizer<Leaves> | null} */
  #optimizer = null;

  /** @param {number[]} lengths */
  constructor(lengths) {
    this.#lengths = lengths;
  }

  async reset() {
    this.close();
    const { params, grads, others } = generate(this.#lengths);
    const arrays = (/** @type {Float32Array[]} */ leaves) => leaves.map((leaf) => np.array(leaf));
    this.#given = { grads: arrays(grads), others: arrays(others) };
    this.#optimizer = await JaxOptimizer.init(update, arrays(params));
  }

  /**
   * @param {boolean} others whether with the other gradients
   * @param {number} steps
   */
  async run(others, steps) {
    const grads = others ? this.#given.others : this.#given.grads;
    const optimizer = /** @type {JaxOptimizer<Leaves>} */ (this.#optimizer);
    const start = performance.now();
    for (let i = 0; i < steps; i++) {
      for (const param of this.#params) param.dispose();
      this.#params = optimizer.step(grads.map((grad) => grad.ref));
    }
    return (performance.now() - start) * 1e6;
  }

  async params() {
    return joined(
      await Promise.all(this.#params.map(async (param) => /** @type {Float32Array} */ (await param.ref.data()))),
    );
  }

  close() {
    this.#optimizer?.dispose();
    for (const array of [...this.#params, ...this.#given.grads, ...this.#given.others]) array.dispose();
    this.#params = [];
    this.#given = { grads: [], others: [] };
  }
}

/** @param {AdapterPlan} plan */
export async function measureJax(plan) {
  await init(/** @type {"wasm"} */ (plan.backend));
  defaultDevice(/** @type {"wasm"} */ (plan.backend));
  const { lengths } = plan;
  // The folder's own packages may not be installed, so the types do not follow this import.
  const { JaxJsPeer } = await import(new URL("../peers/jax-js.js", import.meta.url).href);
  return measureAdapter(plan, [
    new AdapterPeer(lengths),
    new JaxJsPeer("jax-js, eager", lengths, { isJitted: false }),
    new JaxJsPeer("jax-js, jitted", lengths),
  ]);
}
