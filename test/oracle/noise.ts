// Normal numbers of one leaf, as the wasm backend makes them: from its own kernel, with nothing to add them to. What
// they must be is tested in test/noise.test.ts; here they only have to be the same numbers.

import { compileKernel } from "../../src/backends/wasm/modules.ts";
import type { TreeLeaf } from "../../src/tree/layout.ts";
import { addNoiseRule } from "../../src/updates/noise.ts";

interface NoiseKernel {
  addNoise(out: number, x: number, length: number, a: number, sigma: number, ...counter: readonly number[]): void;
}

const memory = new WebAssembly.Memory({ initial: 16 });
let kernel: NoiseKernel | undefined;

/** At most 130 000. `counter`: the words of the key, then the step and the rule's index. */
export function normals(
  leaf: Pick<TreeLeaf, "length" | "hash">,
  key: readonly [number, number],
  step: number,
  rule: number,
): Float32Array {
  kernel ??= new WebAssembly.Instance(compileKernel(addNoiseRule), { env: { memory } })
    .exports as unknown as NoiseKernel;
  const zeros = 1024; // what lies before is the kernel's own
  const out = memory.buffer.byteLength / 2;
  kernel.addNoise(out, zeros, leaf.length, 1, 1, ...key, leaf.hash, step, rule);
  return new Float32Array(memory.buffer.slice(out, out + leaf.length * 4));
}
