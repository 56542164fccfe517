// A small model with leaves of several kinds, its gradients, and chains that differ in how they run.

import type { Update } from "../../src/index.ts";
import * as lanestep from "../../src/index.ts";

const { adamw, addNoise, centralize, chain, clipByGlobalNorm, lamb, radam } = lanestep;
const { rmsprop, scale, scaleByAdam, stateful, stateless, trace } = lanestep;

export const of = (...values: number[]) => Float32Array.of(...values);
export const wave = (length: number, phase = 0) => Float32Array.from({ length }, (_, i) => Math.sin(i + phase));

export const params = () => ({ dense: { kernel: { data: wave(12), shape: [3, 4] }, bias: wave(5) }, scale: 0.5 });
export const gradients = (step: number) => ({
  dense: { kernel: wave(12, step), bias: wave(5, 2 * step) },
  scale: -step,
});
export type Tree = { dense: { kernel: Float32Array; bias: Float32Array }; scale: Float32Array };

/** Counts its calls. */
export const counted = stateful<unknown, { calls: number }>(
  () => ({ calls: 0 }),
  (updates, { calls }) => [updates, { calls: calls + 1 }],
);

/** Halves the updates in place. */
export const half = stateless<Tree>((updates) => {
  for (const leaf of [updates.dense.kernel, updates.dense.bias, updates.scale]) leaf.set(leaf.map((x) => x / 2));
  return updates;
});

export const chains: Readonly<Record<string, () => Update>> = {
  adamw: () => chain(clipByGlobalNorm(), adamw({ decay: 0.1 })),
  lamb: () => lamb({ decay: 0.01 }),
  "radam behind row means": () => chain(centralize(), radam()),
  "rmsprop with momentum": () => rmsprop({ centered: true, momentum: 0.9, nesterov: true }),
  "noise between norms": () => chain(clipByGlobalNorm(), addNoise(), clipByGlobalNorm(), scale(-1)),
  "a user's rule in the middle": () => chain(scaleByAdam(), half, trace(), half, scale(-0.1)),
};

/** An encoder and a head, as groups have them. */
export const encoderAndHead = () => ({
  encoder: { kernel: { data: wave(6), shape: [2, 3] }, bias: wave(3, 1) },
  head: { kernel: { data: wave(8, 2), shape: [4, 2] }, bias: wave(2, 3) },
});

/** Its gradients at a step. */
export const encoderAndHeadGradients = (step: number) => ({
  encoder: { kernel: wave(6, step), bias: wave(3, 2 * step) },
  head: { kernel: wave(8, 3 * step), bias: wave(2, 4 * step) },
});
