// Run by test/checkpoint-chunks.test.ts in a process of its own, with --expose-gc, on the built package: 100 MB of
// parameters, all of them touched, are saved or restored. Prints the most memory that the process held, in bytes above
// what it held before.
//
//   node --expose-gc checkpoint-memory.js save|saveChunks|restore

import { sgd } from "../../dist/index.js";

const [mode] = process.argv.slice(2);
const update = sgd({ learningRate: 0.5 });
const LENGTH = 25_000_000;

/** Nothing else is compiled, and no code loaded, when it counts. */
async function warmUp() {
  const optimizer = update.initSync({ w: { shape: [1000] } });
  optimizer.step();
  await update.restore(optimizer.save());
  globalThis.gc?.();
}

/** A file of 100 MB. */
function fileOf() {
  const optimizer = update.initSync({ w: { shape: [1] } });
  const [header] = optimizer.saveChunks();
  const text = new TextDecoder().decode(header.subarray(8)).trimEnd();
  const larger = text.replace(
    '"shape":[1],"data_offsets":[0,4]',
    `"shape":[${LENGTH}],"data_offsets":[0,${4 * LENGTH}]`,
  );
  // As files of save() have it: data where they can be viewed, not copied.
  const bytes = new TextEncoder().encode(larger.padEnd(Math.ceil(larger.length / 64) * 64 - 8));
  const file = new Uint8Array(8 + bytes.length + 4 * LENGTH).fill(1);
  new DataView(file.buffer).setBigUint64(0, BigInt(bytes.length), true);
  file.set(bytes, 8);
  return file;
}

await warmUp();
const before = process.memoryUsage().rss;
const { bytes: planes, peaks } = update.plan({ w: { shape: [LENGTH] } });
let file = 0;
if (mode === "restore") {
  const saved = fileOf();
  file = saved.length;
  const optimizer = await update.restore(saved);
  optimizer.grads.w.fill(1);
  optimizer.step();
} else {
  const optimizer = update.initSync({ w: { shape: [LENGTH] } });
  optimizer.grads.w.fill(1);
  optimizer.step();
  if (mode === "save") file = optimizer.save().length;
  else for (const chunk of optimizer.saveChunks()) file += chunk.length;
}
// Kilobytes, everywhere.
const peak = process.resourceUsage().maxRSS * 1024 - before;
console.log(JSON.stringify({ peak, planned: peaks.save, planes, file }));
