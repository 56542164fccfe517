import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

/** What somebody writes who has the package alone; the compiler checks its types too, as it does unless told not to. */
const CONSUMER = `
import { adam, adamw, chain, control, freeze, partition, type GpuOptimizer, type Optimizer, type Stats } from "lanestep";
import { bake } from "lanestep/bake";
import { describe } from "lanestep/describe";
import { byPath } from "lanestep/glob";
import { readMetadata, readSafetensors } from "lanestep/safetensors";
import kernels from "lanestep/kernels.wasm";
import { oneCycle, warmupCosine } from "lanestep/schedules";

const update = chain(partition({ on: adamw({ learningRate: control(1e-3) }), off: freeze() }, byPath({ "**": "on" })));
const optimizer: Optimizer<{ w: Float32Array }> = await update.init({ w: Float32Array.of(1) });
optimizer.step({ w: Float32Array.of(1) });
const stats: Stats = optimizer.stats();
const bytes = optimizer.save({ metadata: { epoch: String(stats.count) } });
const again = await update.restore<{ w: Float32Array }>(bytes);
again.params.w[0]! + 1;
const saved = await adam().restore(bytes, undefined, { options: "saved", strict: false });
saved.step({ w: Float32Array.of(1) });
const grown = await update.restore(bytes, { w: Float32Array.of(1), v: 2 }, { strict: false });
grown.params.v[0]! + 1;
await update.init({ w: Float32Array.of(1) }, { from: again, kernels });
const onDevice: GpuOptimizer<{ w: Float32Array }> = await update.init({ w: Float32Array.of(1) }, { backend: "webgpu" });
onDevice.step(onDevice.grads);
const { buffer, offset } = onDevice.params.w;
const moved = await adam().restore<{ w: Float32Array }>(await onDevice.save(), undefined, { backend: "webgpu" });
(await moved.read("params")).w[0]! + offset;
await update.init({ w: { shape: [1] } }, { backend: "webgpu", device: moved.device, buffers: { params: { w: { buffer } } } });
// @ts-expect-error: what is read from a device is a promise
onDevice.save().length;
// @ts-expect-error: options come third
update.restore(bytes, undefined, { strct: false });
export const all = [bake(update), describe(update), readMetadata(bytes), readSafetensors(bytes), oneCycle, warmupCosine];
`;

describe("the types of the built package", () => {
  it.each([
    ["nodenext", "nodenext", ["dom"]],
    ["esnext", "bundler", ["dom"]],
    // Without the types of WebGPU, which older ones of browsers lack.
    ["esnext", "bundler", []],
  ])("compile without skipLibCheck: module %s, resolution %s, %j", (module, moduleResolution, others) => {
    const folder = `build/consumer-${moduleResolution}`;
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${folder}/consumer.ts`, CONSUMER);
    const compilerOptions = { module, moduleResolution, target: "es2022", lib: ["es2022", ...others], types: [] };
    const strict = { strict: true, noEmit: true, skipLibCheck: false, exactOptionalPropertyTypes: true };
    writeFileSync(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions: { ...compilerOptions, ...strict } }));
    let printed = "";
    try {
      execFileSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", folder], { encoding: "utf8" });
    } catch (error) {
      printed = (error as { stdout: string }).stdout;
    }
    expect(printed).toBe("");
  });
});
