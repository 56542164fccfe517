// @ts-check
// `lanestep/tfjs` and `tf.train.adam`, in Node and in a page: what `applyGradients` takes.

/** @import { Peer } from "../measure.js" */
/** @import { AdapterPlan } from "./contenders.js" */

import * as tf from "@tensorflow/tfjs-core";
import { LanestepOptimizer } from "lanestep/tfjs";
import { generate, joined, measureAdapter, update } from "./contenders.js";

tf.enableProdMode(); // no checks for NaN

/** @typedef {{ [name: string]: tf.Tensor }} Grads */

/** @implements {Peer} */
class TensorFlowPeer {
  #start;
  #lengths;
  /** @type {tf.Variable[]} */
  #variables = [];
  /** @type {{ grads: Grads, others: Grads }} */
  #given = { grads: {}, others: {} };
  /** @type {tf.Optimizer | null} */
  #optimizer = null;

  /**
   * @param {string} name
   * @param {number[]} lengths
   * @param {() => tf.Optimizer} start
   */
  constructor(name, lengths, start) {
    this.name = name;
    this.#lengths = lengths;
    this.#start = start;
  }

  async reset() {
    this.close();
    const { params, grads, others } = generate(this.#lengths);
    const named = (/** @type {Float32Array[]} */ leaves) =>
      Object.fromEntries(leaves.map((leaf, i) => [`${this.name}/${i}`, tf.tensor1d(leaf)]));
    this.#variables = Object.entries(named(params)).map(([name, value]) => {
      const variable = tf.variable(value, true, name);
      value.dispose();
      return variable;
    });
    this.#given = { grads: named(grads), others: named(others) };
    this.#optimizer = this.#start();
  }

  /**
   * @param {boolean} others whether with the other gradients
   * @param {number} steps
   */
  async run(others, steps) {
    const grads = others ? this.#given.others : this.#given.grads;
    const optimizer = /** @type {tf.Optimizer} */ (this.#optimizer);
    const start = performance.now();
    for (let i = 0; i < steps; i++) optimizer.applyGradients(grads);
    return (performance.now() - start) * 1e6;
  }

  async params() {
    return joined(
      await Promise.all(this.#variables.map(async (variable) => /** @type {Float32Array} */ (await variable.data()))),
    );
  }

  close() {
    this.#optimizer?.dispose();
    tf.dispose([this.#variables, this.#given]);
    this.#variables = [];
    this.#given = { grads: {}, others: {} };
  }
}

/**
 * With the backends of TensorFlow.js loaded.
 * @param {AdapterPlan} plan
 */
export async function measureTensorFlow(plan) {
  if (!(await tf.setBackend(plan.backend))) throw new Error(`TensorFlow.js has no backend ${plan.backend} here`);
  const peers = [
    new TensorFlowPeer("lanestep/tfjs", plan.lengths, () => new LanestepOptimizer(update)),
    new TensorFlowPeer("tf.train.adam", plan.lengths, () => tf.train.adam()), // its defaults are the settings
  ];
  return measureAdapter(plan, peers);
}
