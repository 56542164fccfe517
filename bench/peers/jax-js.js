// @ts-check
// jax-js on its WebAssembly backend: one jitted step, which it compiles to a kernel a leaf and result; or eager operations.

/** @import { Peer } from "../measure.js" */

import { blockUntilReady, defaultDevice, init, jit, numpy as np } from "@jax-js/jax";
import { ADAM, Generator, MAX_NORM } from "../settings.js";
import { ROW } from "./rows.js";

await init("wasm");
defaultDevice("wasm");

/** @typedef {np.Array[]} Leaves */

/** @param {np.Array} grad */
function sumOfSquares(grad) {
  const squares = np.square(grad);
  return np.sum(squares.size % ROW === 0 ? np.sum(squares.reshape([-1, ROW]), 1) : squares);
}

/**
 * Every function here owns its arguments, as jax-js has it: `ref` keeps an array for one more use.
 * @param {Leaves} grads
 */
function clipped(grads) {
  const squares = grads.map((grad) => sumOfSquares(grad.ref));
  const norm = np.sqrt(squares.reduce((sum, square) => sum.add(square)));
  const factor = np.array(MAX_NORM).div(np.maximum(norm, MAX_NORM));
  const scaled = grads.map((grad) => grad.mul(factor.ref));
  factor.dispose();
  return scaled;
}

/**
 * @param {Leaves} params
 * @param {Leaves} means
 * @param {Leaves} squares
 * @param {Leaves} grads
 * @param {np.Array} correction1
 * @param {np.Array} correction2
 */
function adamw(params, means, squares, grads, correction1, correction2) {
  const { learningRate, b1, b2, eps, epsRoot, decay } = ADAM;
  const newMeans = means.map((mean, leaf) => mean.mul(b1).add(grads[leaf].ref.mul(1 - b1)));
  const newSquares = squares.map((square, leaf) => square.mul(b2).add(np.square(grads[leaf]).mul(1 - b2)));
  const newParams = params.map((param, leaf) => {
    const divisor = np.sqrt(newSquares[leaf].ref.div(correction2.ref).add(epsRoot)).add(eps);
    const direction = newMeans[leaf].ref.div(correction1.ref).div(divisor);
    if (decay === 0) return param.sub(direction.mul(learningRate));
    return param.ref.sub(direction.add(param.mul(decay)).mul(learningRate));
  });
  correction1.dispose();
  correction2.dispose();
  return [newParams, newMeans, newSquares];
}

/** @type {typeof adamw} */
const clippedAdamw = (params, means, squares, grads, ...corrections) =>
  adamw(params, means, squares, clipped(grads), ...corrections);

const eager = { plain: adamw, clipped: clippedAdamw };
const jitted = { plain: jit(adamw), clipped: jit(clippedAdamw) };

/** @implements {Peer} */
export class JaxJsPeer {
  #lengths;
  #steps;
  #count = 0;
  /** Parameters and both moments. */
  #state = /** @type {Leaves[]} */ ([]);
  #grads = /** @type {Leaves} */ ([]);

  /**
   * @param {string} name
   * @param {number[]} lengths of the leaves
   */
  constructor(name, lengths, { isJitted = true } = {}) {
    this.name = name;
    this.#lengths = lengths;
    this.#steps = isJitted ? jitted : eager;
  }

  async reset() {
    this.close();
    const generator = new Generator();
    const generated = () => this.#lengths.map((length) => np.array(generator.fill(new Float32Array(length))));
    const zeros = () => this.#lengths.map((length) => np.zeros([length]));
    this.#state = [generated(), zeros(), zeros()];
    this.#grads = generated();
    this.#count = 0;
  }

  /**
   * @param {boolean} clip
   * @param {number} steps
   */
  async run(clip, steps) {
    const start = performance.now();
    for (let i = 0; i < steps; i++) {
      this.#step(clip);
      // One result first: that runs the kernels of all of them. Each carries all that are pending, so that waiting for 900
      // at once takes seconds, and a step that waits for none takes what is pending along into the next.
      await this.#state[0][0].blockUntilReady();
    }
    await blockUntilReady(this.#state);
    return (performance.now() - start) * 1e6;
  }

  /** @param {boolean} clip */
  #step(clip) {
    this.#count += 1;
    const [params, means, squares] = this.#state;
    const grads = this.#grads.map((grad) => grad.ref);
    const corrections = [np.array(1 - ADAM.b1 ** this.#count), np.array(1 - ADAM.b2 ** this.#count)];
    const step = clip ? this.#steps.clipped : this.#steps.plain;
    this.#state = step(params, means, squares, grads, corrections[0], corrections[1]);
  }

  async params() {
    const all = new Float32Array(this.#lengths.reduce((sum, length) => sum + length, 0));
    let offset = 0;
    for (const param of this.#state[0]) {
      all.set(/** @type {Float32Array} */ (await param.ref.data()), offset);
      offset += param.size;
    }
    return all;
  }

  close() {
    for (const array of [...this.#state.flat(), ...this.#grads]) array.dispose();
    this.#state = [];
    this.#grads = [];
  }
}
