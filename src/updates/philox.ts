const LOW = 0xffff;

/** The high 32 bits of the product of two unsigned 32-bit integers; Math.imul gives the low ones. */
function multiplyHigh(a: number, b: number): number {
  const [a0, a1, b0, b1] = [a & LOW, a >>> 16, b & LOW, b >>> 16];
  const middle = a1 * b0 + ((a0 * b0) >>> 16);
  return (a1 * b1 + Math.floor(middle / 65536) + (a0 * b1 + (middle & LOW)) / 65536) >>> 0;
}

/** Four 32-bit words: a counter, or what Philox makes of it. */
export type Words = readonly [number, number, number, number];

/**
 * Philox4x32-10: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 * The wasm backend has the same words: assembly/kernels/noise.ts.
 */
export function philox([c0, c1, c2, c3]: Words, k0: number, k1: number): Words {
  for (let round = 0; round < 10; round++) {
    const left = 0xd2511f53;
    const right = 0xcd9e8d57;
    const next: Words = [
      (multiplyHigh(right, c2) ^ c1 ^ k0) >>> 0,
      Math.imul(right, c2) >>> 0,
      (multiplyHigh(left, c0) ^ c3 ^ k1) >>> 0,
      Math.imul(left, c0) >>> 0,
    ];
    [c0, c1, c2, c3] = next;
    k0 = (k0 + 0x9e3779b9) >>> 0;
    k1 = (k1 + 0xbb67ae85) >>> 0;
  }
  return [c0, c1, c2, c3];
}
