// @ts-check
// A thousand small optimizers that live side by side, as one for each user: what each takes to make, and on the heap. And
// what a memory holds beside its planes. Runs with --expose-gc.

import { adam } from "lanestep";
import { median, report } from "../measure.js";

const TENANTS = 1_000;
const M = 1 << 20;
const collect = /** @type {() => void} */ (globalThis.gc);

const update = adam();
const small = { kernel: { shape: [10, 16] }, bias: { shape: [40] } };
/** @type {unknown[]} */
const held = [];
const times = [];
held.push(update.initSync(small));
collect();
const before = process.memoryUsage().heapUsed;
for (let i = 0; i < TENANTS; i++) {
  const start = performance.now();
  held.push(update.initSync(small));
  times.push(performance.now() - start);
}
collect();
const heap = (process.memoryUsage().heapUsed - before) / TENANTS;

const memories = [M, 16 * M, 64 * M].map((length) => {
  const params = { w: { shape: [length] } };
  const optimizer = update.initSync(params);
  const beside = optimizer.params.w.buffer.byteLength - update.plan(params).bytes;
  optimizer.dispose();
  return { length, beside };
});
report({
  tenants: held.length - 1,
  microseconds: median(times) * 1e3,
  planes: update.plan(small).bytes,
  heap,
  memories,
});
