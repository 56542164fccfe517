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
/** @type {number[]} */
const times = [];
/** What was let go of may take several collections, with time between them. */
async function heapUsed() {
  for (let i = 0; i < 5; i++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return process.memoryUsage().heapUsed;
}
const make = () => {
  const start = performance.now();
  held.push(update.initSync(small));
  times.push(performance.now() - start);
};
// A thousand others before them, held too: what is compiled for so many is nobody's own.
for (let i = 0; i < TENANTS; i++) make();
times.length = 0;
const before = await heapUsed();
for (let i = 0; i < TENANTS; i++) make();
const heap = ((await heapUsed()) - before) / TENANTS;

const memories = [M, 16 * M, 64 * M].map((length) => {
  const params = { w: { shape: [length] } };
  const optimizer = update.initSync(params);
  const beside = optimizer.params.w.buffer.byteLength - update.plan(params).bytes;
  optimizer.dispose();
  return { length, beside };
});
report({
  tenants: TENANTS,
  microseconds: median(times) * 1e3,
  planes: update.plan(small).bytes,
  heap,
  memories,
});
