// @ts-check
// What every peer computes, and from which values.

export const ADAM = { learningRate: 1e-3, b1: 0.9, b2: 0.999, eps: 1e-8, epsRoot: 1e-15, decay: 0.01 };
export const MAX_NORM = 1;

/**
 * Bytes between the planes of a peer written by hand. Planes a power of two apart compete for the same cache sets: at
 * 16 M parameters the AssemblyScript loop took 1.1 ns a parameter without a gap, 0.8 ns with one. A gap that is itself
 * a power of two can meet the way predictor of AMD's caches: with 64 KiB, 512 k parameters took five times as long.
 */
export const PLANE_GAP = 21 * 4096;

const MODULUS = 2147483647;

/** Numbers in [-0.5, 0.5), the same in `native/rules.c`. */
export class Generator {
  #seed = 1;

  /** @param {Float32Array} plane */
  fill(plane) {
    let seed = this.#seed;
    for (let i = 0; i < plane.length; i++) {
      seed = (seed * 48271) % MODULUS;
      plane[i] = seed / MODULUS - 0.5;
    }
    this.#seed = seed;
    return plane;
  }
}

/** The scalars of one step with the bias corrections folded into them; `rules.c` has the same in C. */
export class Scalars {
  #count = 0;
  alpha = 0;
  eps = 0;
  epsRoot = 0;
  beta = -ADAM.learningRate * ADAM.decay;

  advance() {
    this.#count += 1;
    const correction1 = 1 - ADAM.b1 ** this.#count;
    const correction2 = 1 - ADAM.b2 ** this.#count;
    const root = Math.sqrt(correction2);
    this.alpha = (-ADAM.learningRate / correction1) * root;
    this.eps = ADAM.eps * root;
    this.epsRoot = ADAM.epsRoot * correction2;
  }
}

/**
 * What clipping leaves of a gradient.
 * @param {number} sumOfSquares
 */
export function clipFactor(sumOfSquares) {
  const norm = Math.sqrt(sumOfSquares);
  return norm > MAX_NORM ? MAX_NORM / norm : 1;
}
