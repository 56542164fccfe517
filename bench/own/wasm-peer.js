// @ts-check
// What peers in WebAssembly share: a memory with their planes, and how they are driven.

/** @import { Peer } from "../measure.js" */

import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { Generator, PLANE_GAP } from "../settings.js";

const PAGE = 65536;

/** @implements {Peer} */
export class WasmPeer {
  memory;
  exports;
  bytes;
  /** Where the planes begin: parameters, gradients, two moments, then what this peer has besides. */
  planes;
  #length;

  /**
   * @param {string} name
   * @param {number} length a multiple of 16
   * @param {string} path of the module, which imports its memory
   * @param {number} planes
   */
  constructor(name, length, path, planes) {
    this.name = name;
    this.#length = length;
    this.bytes = length * 4;
    const stride = this.bytes + PLANE_GAP;
    this.planes = Array.from({ length: planes }, (_, i) => PAGE + i * stride);
    this.memory = new WebAssembly.Memory({ initial: Math.ceil((PAGE + planes * stride) / PAGE) });
    this.exports = /** @type {unknown} */ (
      instantiateSync(readFileSync(path), { env: { memory: this.memory } }).exports
    );
  }

  async reset() {
    const generator = new Generator();
    for (const plane of [0, 1]) generator.fill(this.plane(plane));
    for (const plane of [2, 3]) this.plane(plane).fill(0);
    this.begin();
  }

  /** Steps are counted from here. */
  begin() {}

  /** @param {boolean} _clip */
  step(_clip) {}

  /**
   * @param {boolean} clip
   * @param {number} steps
   */
  async run(clip, steps) {
    const start = performance.now();
    for (let i = 0; i < steps; i++) this.step(clip);
    return (performance.now() - start) * 1e6;
  }

  zeroGrads() {
    this.plane(1).fill(0);
  }

  async params() {
    return this.plane(0);
  }

  /** @param {number} plane */
  plane(plane) {
    return new Float32Array(this.memory.buffer, this.planes[plane], this.#length);
  }

  close() {}
}
