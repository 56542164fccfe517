// @ts-check
// The hand-written AssemblyScript loop, driven as lean as JavaScript can; and lanestep's linked loop in its place, driven
// the same: what a step costs outside its loop shows in neither.

import { wasmPath } from "../build.js";
import { ADAM, clipFactor, Scalars } from "../settings.js";
import { WasmPeer } from "./wasm-peer.js";

/** From the build, as the package does not export them. */
const { link, register } = await import(new URL("../../build/js/link/link.js", import.meta.url).href);
const bodies = await import(new URL("../../build/js/generated/bodies.js", import.meta.url).href);

/** Where the linked loop reads its pointers and constants: see src/link/link.ts. */
const BLOCK = 1024;

/**
 * @typedef {object} Kernels
 * @property {(g: number, bytes: number) => number} sumOfSquares
 * @property {(p: number, g: number, m: number, v: number, bytes: number, clip: number, rest1: number, b2: number,
 *   rest2: number, root: number, eps: number, alpha: number, beta: number) => void} adamw
 */

export class AssemblyScriptPeer extends WasmPeer {
  #scalars = new Scalars();
  #kernels;

  /**
   * @param {string} name
   * @param {number} length a multiple of 16
   * @param {((memory: WebAssembly.Memory) => Kernels["adamw"])=} otherLoop in place of the hand-written one
   */
  constructor(name, length, otherLoop) {
    super(name, length, wasmPath, 4);
    const { sumOfSquares, adamw } = /** @type {Kernels} */ (this.exports);
    this.#kernels = { sumOfSquares, adamw: otherLoop?.(this.memory) ?? adamw };
  }

  /** @override */
  begin() {
    this.#scalars = new Scalars();
  }

  /**
   * @override
   * @param {boolean} clip
   */
  step(clip) {
    const scalars = this.#scalars;
    const { adamw, sumOfSquares } = this.#kernels;
    const [p, g, m, v] = /** @type {[number, number, number, number]} */ (this.planes);
    scalars.advance();
    adamw(
      p,
      g,
      m,
      v,
      this.bytes,
      clip ? clipFactor(sumOfSquares(g, this.bytes)) : 1,
      1 - ADAM.b1,
      ADAM.b2,
      1 - ADAM.b2,
      scalars.epsRoot,
      scalars.eps,
      scalars.alpha,
      scalars.beta,
    );
  }
}

/** @param {WebAssembly.Memory} memory */
export function linkedLoop(memory) {
  const signature = "scale|adam|decay|apply";
  register(bodies.adam);
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
