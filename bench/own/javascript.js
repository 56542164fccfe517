// @ts-check
// The step as a careful plain loop over Float32Arrays: arithmetic in doubles, rounded only where it is stored.

/** @import { Peer } from "../measure.js" */

import { ADAM, clipFactor, Generator, PLANE_GAP, Scalars } from "../settings.js";

/** @param {Float32Array} g */
function sumOfSquares(g) {
  // four sums: one alone would wait for its own addition
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  const { length } = g;
  for (let i = 0; i < length; i += 4) {
    const x0 = /** @type {number} */ (g[i]);
    const x1 = /** @type {number} */ (g[i + 1]);
    const x2 = /** @type {number} */ (g[i + 2]);
    const x3 = /** @type {number} */ (g[i + 3]);
    s0 += x0 * x0;
    s1 += x1 * x1;
    s2 += x2 * x2;
    s3 += x3 * x3;
  }
  return s0 + s1 + s2 + s3;
}

/**
 * @param {Float32Array} p
 * @param {Float32Array} g
 * @param {Float32Array} m
 * @param {Float32Array} v
 * @param {number} factor
 * @param {Scalars} scalars
 */
function adamw(p, g, m, v, factor, scalars) {
  const { alpha, beta, eps, epsRoot } = scalars;
  const { b2 } = ADAM;
  const weight1 = 1 - ADAM.b1;
  const weight2 = 1 - b2;
  // read once: V8 reads it in every iteration after any WebAssembly memory has grown, which costs a third
  const { length } = p;
  for (let i = 0; i < length; i++) {
    const x = factor * /** @type {number} */ (g[i]);
    const param = /** @type {number} */ (p[i]);
    let mean = /** @type {number} */ (m[i]);
    mean += weight1 * (x - mean);
    const square = b2 * /** @type {number} */ (v[i]) + weight2 * (x * x);
    m[i] = mean;
    v[i] = square;
    p[i] = param + ((alpha * mean) / (Math.sqrt(square + epsRoot) + eps) + beta * param);
  }
}

/** @implements {Peer} */
export class JavaScriptPeer {
  name = "plain JS";
  #scalars = new Scalars();
  #p;
  #g;
  #m;
  #v;

  /** @param {number} length */
  constructor(length) {
    const stride = length * 4 + PLANE_GAP;
    const buffer = new ArrayBuffer(4 * stride);
    this.#p = new Float32Array(buffer, 0, length);
    this.#g = new Float32Array(buffer, stride, length);
    this.#m = new Float32Array(buffer, 2 * stride, length);
    this.#v = new Float32Array(buffer, 3 * stride, length);
  }

  async reset() {
    const generator = new Generator();
    generator.fill(this.#p);
    generator.fill(this.#g);
    this.#m.fill(0);
    this.#v.fill(0);
    this.#scalars = new Scalars();
  }

  /**
   * @param {boolean} clip
   * @param {number} steps
   */
  async run(clip, steps) {
    const start = performance.now();
    for (let i = 0; i < steps; i++) {
      this.#scalars.advance();
      adamw(this.#p, this.#g, this.#m, this.#v, clip ? clipFactor(sumOfSquares(this.#g)) : 1, this.#scalars);
    }
    return (performance.now() - start) * 1e6;
  }

  async params() {
    return this.#p;
  }

  close() {}
}
