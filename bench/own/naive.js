// @ts-check
// The step in WebAssembly too, but a pass for each operation: what it costs that nothing is fused.

import { naivePath } from "../build.js";
import { ADAM, clipFactor } from "../settings.js";
import { WasmPeer } from "./wasm-peer.js";

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

export class NaivePeer extends WasmPeer {
  #count = 0;

  /**
   * @param {string} name
   * @param {number} length a multiple of 16
   */
  constructor(name, length) {
    super(name, length, naivePath, 7);
  }

  /** @override */
  begin() {
    this.#count = 0;
  }

  /**
   * @override
   * @param {boolean} clip
   */
  step(clip) {
    const kernels = /** @type {Kernels} */ (this.exports);
    const { bytes } = this;
    const [p, g, m, v, clipped, update, divisor] =
      /** @type {[number, number, number, number, number, number, number]} */ (this.planes);
    this.#count += 1;
    if (clip) kernels.scale(clipped, g, bytes, clipFactor(kernels.sumOfSquares(g, bytes)));
    const gradient = clip ? clipped : g;
    kernels.firstMoment(m, gradient, bytes, 1 - ADAM.b1);
    kernels.secondMoment(v, gradient, bytes, ADAM.b2, 1 - ADAM.b2);
    kernels.scale(update, m, bytes, 1 / (1 - ADAM.b1 ** this.#count));
    kernels.scale(divisor, v, bytes, 1 / (1 - ADAM.b2 ** this.#count));
    kernels.root(divisor, bytes, ADAM.epsRoot, ADAM.eps);
    kernels.divide(update, divisor, bytes);
    kernels.addScaled(update, p, bytes, ADAM.decay);
    kernels.addScaled(p, update, bytes, -ADAM.learningRate);
  }
}
