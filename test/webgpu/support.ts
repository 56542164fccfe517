// A small model, and what its numbers are held against.

import { expect } from "vitest";
import { adamw, chain, clipByGlobalNorm } from "../../src/index.ts";
import { deviation } from "../support/close.ts";

export const wave = (length: number, by: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * by + by));
export const params = () => ({ kernel: { data: wave(15, 0.3), shape: [5, 3] }, bias: wave(1000, 0.7), scale: 1 });
export const grads = (step: number) => ({
  kernel: wave(15, 0.1 + step),
  bias: wave(1000, 0.2 + step),
  scale: 0.5 - step,
});

/** Norms, moments and a decay. */
export const usual = () => chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate: 0.01, decay: 0.1 }));

export type Numbers = Readonly<Record<string, Float32Array>>;

/** Throws unless all leaves are the same, within a part of the largest magnitude. */
export const expectSame = (found: Numbers, expected: Numbers, tolerance = 1e-6) => {
  expect(Object.keys(found).sort()).toEqual(Object.keys(expected).sort());
  for (const [name, values] of Object.entries(expected)) {
    expect(deviation(found[name]!, values).relative, name).toBeLessThanOrEqual(tolerance);
  }
};
