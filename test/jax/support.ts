import { init, numpy as np, tree } from "@jax-js/jax";

/** The devices of jax-js that Node has. */
export const DEVICES = ["wasm", "cpu"] as const;

/** @throws where jax-js lacks one of them: nothing here is skipped */
export async function startDevices(): Promise<void> {
  const started = await init(...DEVICES);
  for (const device of DEVICES) if (!started.includes(device)) throw new Error(`jax-js did not start ${device}`);
}

/** The generator mulberry32: numbers in [-1, 1). */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
}

/** All kinds of leaves that a pytree has: a matrix, a vector, a scalar, an empty array, in objects and arrays. */
export const SHAPES = {
  layers: [
    { kernel: [7, 5], bias: [5] },
    { kernel: [5, 3], bias: [3] },
  ],
  scale: [],
  nothing: [0, 4],
  long: [203],
};

export type Model = {
  layers: { kernel: np.Array; bias: np.Array }[];
  scale: np.Array;
  nothing: np.Array;
  long: np.Array;
};

/** The same numbers as a model of jax-js, and as a tree of lanestep. */
export function random(next: () => number) {
  const leaf = (shape: number[]) => ({
    data: Float32Array.from({ length: shape.reduce((size, axis) => size * axis, 1) }, next),
    shape,
  });
  const plain = {
    layers: SHAPES.layers.map(({ kernel, bias }) => ({ kernel: leaf(kernel), bias: leaf(bias) })),
    scale: leaf(SHAPES.scale),
    nothing: leaf(SHAPES.nothing),
    long: leaf(SHAPES.long),
  };
  const array = ({ data, shape }: { data: Float32Array<ArrayBuffer>; shape: number[] }) =>
    data.length === 0 ? np.zeros(shape) : np.array(data, { shape });
  const model: Model = {
    layers: plain.layers.map(({ kernel, bias }) => ({ kernel: array(kernel), bias: array(bias) })),
    scale: array(plain.scale),
    nothing: array(plain.nothing),
    long: array(plain.long),
  };
  return { plain, model };
}

/** The numbers of a pytree, which stays alive. */
export const numbersOf = (model: unknown): number[][] =>
  tree.leaves(model as np.Array).map((array) => [...array.ref.dataSync()]);

/** How many references each array has. */
export const referencesOf = (model: unknown): number[] =>
  tree.leaves(model as np.Array).flatMap((leaf) => (leaf instanceof np.Array ? [leaf.refCount] : []));

export const times = (count: number, leaves = 7): number[] => new Array<number>(leaves).fill(count);
