// @ts-check
// What steps take on a device, on dist/: `node test/webgpu/measure.mjs [--bandwidth <GB/s of the device>]`, with
// VK_DRIVER_FILES= for a device of the system. Of each chain: the time of its kernels, by timestamps of the device where it
// has them, the bytes that they move over this time, and the share of the bandwidth; wall time, and that of the host alone.
// Then what "auto" finds. Of a device in software these figures mean nothing.

import { parseArgs } from "node:util";
import { create, globals } from "webgpu";
import * as lanestep from "../../dist/index.js";

Object.assign(globalThis, globals);

const STEPS = 20;
const { values } = parseArgs({ options: { bandwidth: { type: "string" } } });
const bandwidth = values.bandwidth === undefined ? null : Number(values.bandwidth);
if (bandwidth !== null && !(bandwidth > 0)) {
  console.error(`--bandwidth is ${values.bandwidth}, expected GB/s`);
  process.exit(1);
}

// Without this timestamps are rounded to 0.1 ms.
const gpu = create(["disable-dawn-features=timestamp_quantization"]);

async function openDevice() {
  const adapter = await gpu.requestAdapter();
  if (!adapter) throw new Error("no WebGPU adapter: run.mjs says what one in software needs in the environment");
  const { maxBufferSize, maxStorageBufferBindingSize } = adapter.limits;
  return adapter.requestDevice({
    requiredFeatures: adapter.features.has("timestamp-query") ? ["timestamp-query"] : [],
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize },
  });
}
const device = await openDevice();
const isTimed = device.features.has("timestamp-query");

const { adam, adamw, chain, clipByGlobalNorm, lamb, sgd } = lanestep;
const updates = {
  sgd: sgd(),
  adam: adam(),
  "clipped adamw": chain(clipByGlobalNorm(), adamw({ decay: 0.1 })),
  lamb: lamb(),
};

const leaves = (/** @type {number} */ count, /** @type {number} */ length) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, { shape: [length] }]));
const models = { "1 M": leaves(1, 1e6), "1 M in 300": leaves(300, 3333), "16 M": leaves(1, 16e6) };

/** @param {readonly number[]} times */
const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1] ?? Number.NaN;

/** ms of the compute pass of a step. @param {lanestep.GpuOptimizer<any>} optimizer */
async function kernelTime(optimizer) {
  const size = 16 * STEPS;
  const querySet = device.createQuerySet({ type: "timestamp", count: 2 * STEPS });
  const resolved = device.createBuffer({ size, usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC });
  const read = device.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST });
  for (let step = 0; step < STEPS; step++) {
    const encoder = device.createCommandEncoder();
    const begin = encoder.beginComputePass.bind(encoder);
    encoder.beginComputePass = () =>
      begin({
        timestampWrites: { querySet, beginningOfPassWriteIndex: 2 * step, endOfPassWriteIndex: 2 * step + 1 },
      });
    optimizer.encode(/** @type {never} */ (encoder));
    device.queue.submit([encoder.finish()]);
  }
  const encoder = device.createCommandEncoder();
  encoder.resolveQuerySet(querySet, 0, 2 * STEPS, resolved, 0);
  encoder.copyBufferToBuffer(resolved, 0, read, 0, size);
  device.queue.submit([encoder.finish()]);
  await read.mapAsync(GPUMapMode.READ);
  const at = new BigUint64Array(read.getMappedRange());
  const times = Array.from(
    { length: STEPS },
    (_, step) => Number((at[2 * step + 1] ?? 0n) - (at[2 * step] ?? 0n)) / 1e6,
  );
  for (const own of [querySet, resolved, read]) own.destroy();
  return median(times);
}

/** ms of a step, and of the host in it. @param {lanestep.GpuOptimizer<any>} optimizer */
async function wallTime(optimizer) {
  await device.queue.onSubmittedWorkDone();
  const start = performance.now();
  for (let step = 0; step < STEPS; step++) optimizer.step();
  const host = (performance.now() - start) / STEPS;
  await device.queue.onSubmittedWorkDone();
  return { wall: (performance.now() - start) / STEPS, host };
}

const { vendor, architecture, description } = device.adapterInfo;
console.log([vendor, architecture, description].filter(Boolean).join(" "));
if (!isTimed) console.log("no timestamp-query: no times of kernels, bytes are over wall time");
for (const [model, params] of Object.entries(models)) {
  for (const [name, update] of Object.entries(updates)) {
    const optimizer = await update.init(params, { backend: "webgpu", device: /** @type {never} */ (device) });
    optimizer.step();
    const { wall, host } = await wallTime(optimizer);
    const kernels = isTimed ? await kernelTime(optimizer) : null;
    const { dispatches, bytes } = optimizer.traffic();
    const rate = bytes / 1e6 / (kernels ?? wall);
    const words = [
      model.padEnd(12),
      name.padEnd(14),
      ...(kernels === null ? [] : [`kernels ${kernels.toFixed(3)} ms`]),
      `${rate.toFixed(1)} GB/s`,
      ...(bandwidth === null ? [] : [`${((100 * rate) / bandwidth).toFixed(1)} % of ${bandwidth}`]),
      `wall ${wall.toFixed(3)} ms`,
      `host ${(1000 * host).toFixed(0)} µs`,
      `dispatches ${dispatches}`,
      `${(bytes / 1e6).toFixed(1)} MB`,
    ];
    console.log(words.join("  "));
    optimizer.dispose();
  }
}

// The first time with the shaders, then with a device that has them.
for (const warm of [false, true]) {
  const own = /** @type {never} */ (await openDevice());
  if (warm) (await adam().init({ w: { shape: [1] } }, { backend: "webgpu", device: own })).dispose();
  const start = performance.now();
  const { backend } = await adam().init({ w: { shape: [100_000] } }, { backend: "auto", device: own });
  const ms = (performance.now() - start).toFixed(0);
  console.log(`auto, ${warm ? "shaders compiled" : "shaders included"}: ${ms} ms, ${backend.reason}`);
}
process.exit(0);
