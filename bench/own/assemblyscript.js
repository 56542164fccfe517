// @ts-check
// The hand-written AssemblyScript loop, driven as lean as JavaScript can; and lanestep's linked loop in its place, driven
// the same: what a step costs outside its loop shows in neither.

/** @import { Peer } from "../measure.js" */

import { readFileSync } from "node:fs";
import { instantiateSync } from "@assemblyscript/loader";
import { wasmPath } from "../build.js";
import { ADAM, clipFactor, Generator, PLANE_GAP, Scalars } from "../settings.js";

/** From the build, as the package does not export its linker. */
const { link } = await import(new URL("../../build/js/link/link.js", import.meta.url).href);

const PAGE = 65536;
/** Where the linked loop reads its pointers and constants: see src/link/link.ts. */
const BLOCK = 1024;

/**
 * @typedef {object} Kernels
 * @property {(g: number, bytes: number) => number} sumOfSquares
 * @property {(p: number, g: number, m: number, v: number, bytes: number, clip: number, rest1: number, b2: number,
 *   rest2: number, root: number, eps: number, alpha: number, beta: number) => void} adamw
 */

/** @implements {Peer} */
export class AssemblyScriptPeer {
  #scalars = new Scalars();
  #kernels;
  #memory;
  #length;
  #p = PAGE;
  #g;
  #m;
  #v;

  /**
   * @param {string} name
   * @param {number} length a multiple of 16
   * @param {((memory: WebAssembly.Memory) => Kernels["adamw"])=} otherLoop in place of the hand-written one
   */
  constructor(name, length, otherLoop) {
    this.name = name;
    const stride = length * 4 + PLANE_GAP;
    this.#length = length;
    this.#g = this.#p + stride;
    this.#m = this.#g + stride;
    this.#v = this.#m + stride;
    this.#memory = new WebAssembly.Memory({ initial: Math.ceil((this.#v + stride) / PAGE) });
    const { exports } = instantiateSync(readFileSync(wasmPath), { env: { memory: this.#memory } });
    const { sumOfSquares, adamw } = /** @type {Kernels} */ (/** @type {unknown} */ (exports));
    this.#kernels = { sumOfSquares, adamw: otherLoop?.(this.#memory) ?? adamw };
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

/** @param {WebAssembly.Memory} memory */
export function linkedLoop(memory) {
  const signature = "scale|adam|decay|apply";
  const module = new WebAssembly.Module(link([signature]));
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  const loop = /** @type {(...args: number[]) => void} */ (exports[signature]);
  const pointers = new Uint32Array(memory.buffer, BLOCK);
  const constants = new Float32Array(memory.buffer, BLOCK);
  /** @type {Kernels["adamw"]} */
  return (p, g, m, v, bytes, clip, rest1, b2, rest2, root, eps, alpha, beta) => {
    constants[0] = clip;
    pointers[1] = m;
    pointers[2] = v;
    [rest1, b2, rest2, root, eps, alpha, beta].forEach((constant, i) => {
      constants[3 + i] = constant;
    });
    loop(BLOCK, p, g, 0, 0, bytes);
  };
}
