// @ts-check
// What steps take on a device, on dist/: `node test/webgpu/measure.mjs`, with VK_DRIVER_FILES= for a device of the system.
// The share of the device's bandwidth is bytes over time; of a device in software these figures mean nothing.

import * as lanestep from "../../dist/index.js";
import { openDevice } from "./device.mjs";

const STEPS = 20;
const device = await openDevice();
const { adam, adamw, chain, clipByGlobalNorm, lamb } = lanestep;
const updates = { adam: adam(), "clipped adamw": chain(clipByGlobalNorm(), adamw({ decay: 0.1 })), lamb: lamb() };

const leaves = (/** @type {number} */ count, /** @type {number} */ length) =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`l${i}`, { shape: [length] }]));
const models = { "1 M": leaves(1, 1e6), "1 M in 300": leaves(300, 3333), "16 M": leaves(1, 16e6) };

console.log(`${device.adapterInfo.vendor} ${device.adapterInfo.description}`);
for (const [model, params] of Object.entries(models)) {
  for (const [name, update] of Object.entries(updates)) {
    const optimizer = await update.init(params, { backend: "webgpu", device: /** @type {never} */ (device) });
    optimizer.step();
    await device.queue.onSubmittedWorkDone();
    const start = performance.now();
    for (let step = 0; step < STEPS; step++) optimizer.step();
    const host = (performance.now() - start) / STEPS;
    await device.queue.onSubmittedWorkDone();
    const time = (performance.now() - start) / STEPS;
    const { dispatches, bytes } = optimizer.traffic();
    const words = [
      model.padEnd(12),
      name.padEnd(14),
      `${time.toFixed(3)} ms`,
      `${(bytes / 1e6 / time).toFixed(1)} GB/s`,
      `host ${(1000 * host).toFixed(0)} µs`,
      `dispatches ${dispatches}`,
    ];
    console.log(words.join("  "));
    optimizer.dispose();
  }
}
process.exit(0);
