// @ts-check
// The step in WebAssembly too, but a pass for each operation: what it costs that nothing is fused.

/** @import { Peer } from "../measure.js" */

import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { naivePath } from "../build.js";
import { ADAM, clipFactor, Generator, PLANE_GAP } from "../settings.js";

const PAGE = 65536;
/**
 * @typedef {object} Kernels
 * @property {(g: number, bytes: number) => number} sumOfSquares
 * @property {(to: number, from: number, bytes: number, factor: number) => void} scale
 * @property {(m: number, g: number, bytes: number, weight: number) => void} firstMoment
 * @property {(v: number, g: number, bytes: number, b2: number, weight: number) => void} secondMoment
 * @property {(x: number, bytes: number, epsRoot: number, eps: number) => void} root
 * @property {(x: number, by: number, bytes: number) => void} divide
 * @property {(x: number, y: number, bytes: number, factor: number) => void} addScaled
 */

/** @implements {Peer} */
export class NaivePeer {
  #count = 0;
  #kernels;
  #memory;
  #length;
  #p = PAGE;
  #g;
  #m;
  #v;
  #clipped;
  #update;
  #divisor;

  /**
   * @param {string} name
   * @param {number} length a multiple of 16
   */
  constructor(name, length) {
    this.name = name;
    const stride = length * 4 + PLANE_GAP;
    this.#length = length;
    this.#g = this.#p + stride;
    this.#m = this.#g + stride;
    this.#v = this.#m + stride;
    this.#clipped = this.#v + stride;
    this.#update = this.#clipped + stride;
    this.#divisor = this.#update + stride;
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil((this.#divisor + stride) / PAGE) });
    const { exports } = instantiateSync(readFileSync(naivePath), { env: { memory: this.#memory } });
    this.#kernels = /** @type {Kernels} */ (/** @type {unknown} */ (exports));
  }

  async reset() {
    const generator = new Generator();
    generator.fill(this.#plane(this.#p));
    generator.fill(this.#plane(this.#g));
    this.#plane(this.#m).fill(0);
    this.#plane(this.#v).fill(0);
    this.#count = 0;
  }

  /**
   * @param {boolean} clip
   * @param {number} steps
   */
  async run(clip, steps) {
    const start = performance.now();
    for (let i = 0; i < steps; i++) this.#step(clip);
    return (performance.now() - start) * 1e6;
  }

  /** @param {boolean} clip */
  #step(clip) {
    const kernels = this.#kernels;
    const bytes = this.#length * 4;
    this.#count += 1;
    if (clip) kernels.scale(this.#clipped, this.#g, bytes, clipFactor(kernels.sumOfSquares(this.#g, bytes)));
    const gradient = clip ? this.#clipped : this.#g;
    kernels.firstMoment(this.#m, gradient, bytes, 1 - ADAM.b1);
    kernels.secondMoment(this.#v, gradient, bytes, ADAM.b2, 1 - ADAM.b2);
    kernels.scale(this.#update, this.#m, bytes, 1 / (1 - ADAM.b1 ** this.#count));
    kernels.scale(this.#divisor, this.#v, bytes, 1 / (1 - ADAM.b2 ** this.#count));
    kernels.root(this.#divisor, bytes, ADAM.epsRoot, ADAM.eps);
    kernels.divide(this.#update, this.#divisor, bytes);
    kernels.addScaled(this.#update, this.#p, bytes, ADAM.decay);
    kernels.addScaled(this.#p, this.#update, bytes, -ADAM.learningRate);
  }

  async params() {
    return this.#plane(this.#p);
  }

  /** @param {number} pointer */
  #plane(pointer) {
    return new Float32Array(this.#memory.buffer, pointer, this.#length);
  }

  close() {}
}
