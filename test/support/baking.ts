// A model, and what a baked chain makes of it.

import { readFileSync } from "node:fs";
import type * as lanestep from "../../src/index.ts";
import { moduleOf } from "./compiler.ts";
import { bitsIn } from "./untouched.ts";

/** A chain, by whatever copy of the library. */
export type Make = (library: typeof lanestep) => lanestep.Update;

export const fromFile = (path: string): WebAssembly.Module => moduleOf(readFileSync(path));
export const kernels = fromFile("dist/kernels.wasm");
export const loopsIn = (module: WebAssembly.Module): string[] =>
  WebAssembly.Module.exports(module).map(({ name }) => name);

export const params = () => ({ w: { shape: [30, 30] }, b: Float32Array.of(1, 2, 3), k: Float32Array.of(4) });

/** Steps, and one update by hand. */
export function run(optimizer: lanestep.Optimizer<ReturnType<typeof params>>): number[] {
  const { grads } = optimizer;
  const { w, b } = grads;
  for (let step = 0; step < 4; step++) {
    for (let i = 0; i < w.length; i++) w[i] = (((i * 31 + step * 17) % 211) - 105) / 97;
    b.set([1, step === 2 ? Number.NaN : -2, step]);
    optimizer.step(grads, { value: 1 });
  }
  b.fill(1);
  optimizer.update(grads, { value: 1 });
  optimizer.apply();
  return bitsIn(optimizer.params);
}
