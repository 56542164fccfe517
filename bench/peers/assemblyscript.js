// @ts-check
// The hand-written AssemblyScript loop, driven as lean as JavaScript can.

/** @import { Peer } from "../measure.js" */

import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { wasmPath } from "../build.js";
import { ADAM, clipFactor, Generator, PLANE_GAP, Scalars } from "../settings.js";

const PAGE = 65536;

/**
 * @typedef {object} Kernels
 * @property {(g: number, bytes: number) => number} sumOfSquares
 * @property {(p: number, g: number, m: number, v: number, bytes: number, ...scalars: number[]) => void} adamw
 */

/** @implements {Peer} */
export class AssemblyScriptPeer {
  name = "AssemblyScript";
  #scalars = new Scalars();
  #kernels;
  #memory;
  #length;
  #p = PAGE;
  #g;
  #m;
  #v;

  /** @param {number} length a multiple of 16 */
  constructor(length) {
    const stride = length * 4 + PLANE_GAP;
    this.#length = length;
    this.#g = this.#p + stride;
    this.#m = this.#g + stride;
    this.#v = this.#m + stride;
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil((this.#v + stride) / PAGE) });
    const { exports } = instantiateSync(readFileSync(wasmPath), { env: { memory: this.#memory } });
    this.#kernels = /** @type {Kernels} */ (/** @type {unknown} */ (exports));
  }

  async reset() {
    const generator = new Generator();
    generator.fill(this.#plane(this.#p));
    generator.fill(this.#plane(this.#g));
    this.#plane(this.#m).fill(0);
    this.#plane(this.#v).fill(0);
    this.#scalars = new Scalars();
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
    const scalars = this.#scalars;
    const { adamw, sumOfSquares } = this.#kernels;
    const bytes = this.#length * 4;
    scalars.advance();
    adamw(
      this.#p,
      this.#g,
      this.#m,
      this.#v,
      bytes,
      clip ? clipFactor(sumOfSquares(this.#g, bytes)) : 1,
      1 - ADAM.b1,
      ADAM.b2,
      1 - ADAM.b2,
      scalars.epsRoot,
      scalars.eps,
      scalars.alpha,
      scalars.beta,
    );
  }

  zeroGrads() {
    this.#plane(this.#g).fill(0);
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
