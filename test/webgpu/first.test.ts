import { expect, it } from "vitest";
import {
  adam,
  adamw,
  centralize,
  chain,
  clipByGlobalNorm,
  lamb,
  noisySgd,
  scale,
  scaleByYogi,
  trace,
} from "../../src/index.ts";
import { openDevice } from "./device.ts";

const cases = {
  adam: adam(),
  adamw: chain(clipByGlobalNorm({ maxNorm: 0.1 }), adamw({ decay: 0.1 })),
  lamb: lamb({ decay: 0.1 }),
  noisy: noisySgd(),
  c: chain(centralize(), scaleByYogi(), trace({ nesterov: true }), scale(-0.1)),
};
for (const [name, update] of Object.entries(cases))
  it(name, async () => {
    const device = await openDevice();
    const params = {
      a: Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i)),
      b: { data: Float32Array.from({ length: 15 }, (_, i) => Math.cos(i)), shape: [5, 3] },
      c: 1,
    };
    const gpu = await update.init(params, { backend: "webgpu", device });
    const cpu = await update.init(params);
    for (let s = 0; s < 70; s++) {
      const grads = {
        a: Float32Array.from({ length: 1000 }, (_, i) => Math.sin(i * s + 1)),
        b: Float32Array.from({ length: 15 }, (_, i) => Math.cos(i + s)),
        c: 0.3,
      };
      gpu.step(grads);
      cpu.step(grads);
    }
    const read = await gpu.read("params");
    let worst = 0;
    for (const k of ["a", "b", "c"] as const)
      read[k].forEach((x, i) => {
        worst = Math.max(worst, Math.abs(x - cpu.params[k][i]!));
      });
    console.log(name, worst, read.b.slice(0, 4), cpu.params.b.slice(0, 4));
    expect(worst).toBeLessThan(1e-4);
    gpu.dispose();
    device.destroy();
  });
