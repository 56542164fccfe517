// Run by test/memory.test.ts in a process of its own, with --expose-gc: makes optimizers of the built package, lets go
// of them, and prints what memory the process holds before and after, in bytes. Small arenas share memories, large
// ones have one of their own, a huge one has planes of 400 MB.
//
//   node --expose-gc residue.js small|large|huge dispose|drop

import { adam, sgd } from "../../dist/index.js";

const [size, end] = process.argv.slice(2);

async function held() {
  // The collector frees a memory some turns after the last view on it.
  for (let i = 0; i < 10; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  const { rss, heapUsed } = process.memoryUsage();
  return { rss, heapUsed };
}

/** @param {import("lanestep").Update} update @param {number} length @param {(at: number) => number} gradientAt */
function stepOnce(update, length, gradientAt) {
  const optimizer = update.initSync({ w: { shape: [length] } });
  const { w } = optimizer.grads;
  const probes = [0, 1, length >> 1, length - 1];
  for (const at of probes) w[at] = gradientAt(at);
  optimizer.step();
  const values = probes.map((at) => optimizer.params.w[at]);
  const bytes = w.buffer.byteLength;
  if (end === "dispose") optimizer.dispose();
  return { bytes, values };
}

const update = size === "huge" ? sgd({ learningRate: 0.5 }) : adam();
const [count, length] = { small: [10_000, 2_000], large: [2_000, 20_000], huge: [1, 100_000_000] }[size ?? ""] ?? [
  0, 0,
];
// Code, caches and the shared memory that is at work are there to stay.
for (let i = 0; i < 400; i++) stepOnce(update, size === "huge" ? 1 : length, () => 1);
const before = await held();
let last = { bytes: 0, values: [0] };
let peak = 0;
for (let i = 0; i < count; i++) {
  last = stepOnce(update, length, (at) => -2 - (at % 3));
  if (i % 100 === 0) peak = Math.max(peak, process.memoryUsage().rss);
}
const after = await held();
console.log(JSON.stringify({ before, after, peak, last }));
