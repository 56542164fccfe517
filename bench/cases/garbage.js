// @ts-check
// What 100,000 steps of a small model leave on the heap. Runs with --expose-gc and a young generation that is large
// enough to hold it all, so that the growth before a collection is all that was allocated.

import { report } from "../measure.js";
import { LanestepPeer } from "../own/lanestep.js";

const STEPS = 100_000;
const collect = /** @type {() => void} */ (globalThis.gc);

const peer = new LanestepPeer("lanestep", [512, 32, 320, 10]);
await peer.reset();
await peer.run(true, STEPS); // compiled, and its feedback gathered

/**
 * What remains after every one of them is kept: code that is compiled meanwhile is in one.
 * @type {{ bytesAStep: number, kept: number }[]}
 */
const rounds = [];
for (let round = 0; round < 3; round++) {
  collect();
  const before = process.memoryUsage().heapUsed;
  await peer.run(true, STEPS);
  const allocated = process.memoryUsage().heapUsed - before;
  collect();
  rounds.push({ bytesAStep: allocated / STEPS, kept: process.memoryUsage().heapUsed - before });
}
const least = (/** @type {"bytesAStep" | "kept"} */ key) => Math.min(...rounds.map((round) => round[key]));
report({ steps: STEPS, bytesAStep: least("bytesAStep"), kept: least("kept") });
peer.close();
