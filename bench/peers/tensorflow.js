// @ts-check
// TensorFlow.js as a training loop meets it: `tf.train.adam`, and of its operations what that lacks, decoupled decay and
// clipping.

/** @import { Peer } from "../measure.js" */

import { fileURLToPath } from "node:url";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-cpu";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { ADAM, Generator, MAX_NORM } from "../settings.js";
import { ROW } from "./rows.js";

setWasmPaths(fileURLToPath(new URL(".", import.meta.resolve("@tensorflow/tfjs-backend-wasm"))));
tf.enableProdMode(); // no checks for NaN

/** @implements {Peer} */
export class TensorFlowPeer {
  #backend;
  #lengths;
  /** @type {{ [name: string]: tf.Variable }} */
  #params = {};
  /** @type {{ [name: string]: tf.Tensor }} */
  #grads = {};
  /** @type {tf.AdamOptimizer | null} */
  #optimizer = null;

  /**
   * @param {string} name
   * @param {"cpu" | "wasm"} backend
   * @param {number[]} lengths of the leaves
   */
  constructor(name, backend, lengths) {
    this.name = name;
    this.#backend = backend;
    this.#lengths = lengths;
  }

  async reset() {
    this.close();
    await tf.setBackend(this.#backend);
    const generator = new Generator();
    const generated = () => this.#lengths.map((length) => tf.tensor1d(generator.fill(new Float32Array(length))));
    const named = (/** @type {number} */ leaf) => `${this.#backend}/${leaf}`;
    for (const [leaf, values] of generated().entries()) {
      this.#params[named(leaf)] = tf.variable(values, true, named(leaf));
      values.dispose();
    }
    for (const [leaf, values] of generated().entries()) this.#grads[named(leaf)] = values;
    // its eps too is outside the root, and nothing is inside
    this.#optimizer = tf.train.adam(ADAM.learningRate, ADAM.b1, ADAM.b2, ADAM.eps);
  }

  /**
   * @param {boolean} clip
   * @param {number} steps
   */
  async run(clip, steps) {
    await tf.setBackend(this.#backend); // both backends compute while they are called
    const start = performance.now();
    for (let i = 0; i < steps; i++) this.#step(clip);
    return (performance.now() - start) * 1e6;
  }

  /** @param {boolean} clip */
  #step(clip) {
    tf.tidy(() => {
      for (const param of Object.values(this.#params)) param.assign(tf.mul(param, 1 - ADAM.learningRate * ADAM.decay));
      this.#optimizer?.applyGradients(clip ? clipped(this.#grads) : this.#grads);
    });
  }

  async params() {
    await tf.setBackend(this.#backend);
    const all = new Float32Array(this.#lengths.reduce((sum, length) => sum + length, 0));
    let offset = 0;
    for (const param of Object.values(this.#params)) {
      all.set(await param.data(), offset);
      offset += param.size;
    }
    return all;
  }

  close() {
    this.#optimizer?.dispose();
    tf.dispose([this.#params, this.#grads]);
    this.#params = {};
    this.#grads = {};
  }
}

/** @param {tf.Tensor} grad */
function sumOfSquares(grad) {
  const squares = tf.square(grad);
  return tf.sum(grad.size % ROW === 0 ? tf.sum(tf.reshape(squares, [-1, ROW]), 1) : squares);
}

/** @param {{ [name: string]: tf.Tensor }} grads */
function clipped(grads) {
  const squares = Object.values(grads).map(sumOfSquares);
  const factor = tf.div(MAX_NORM, tf.maximum(tf.sqrt(tf.addN(squares)), MAX_NORM));
  return Object.fromEntries(Object.entries(grads).map(([name, grad]) => [name, tf.mul(grad, factor)]));
}
