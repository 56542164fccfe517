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

collect();
const before = process.memoryUsage().heapUsed;
await peer.run(true, STEPS);
const allocated = process.memoryUsage().heapUsed - before;
collect();
report({ steps: STEPS, bytesAStep: allocated / STEPS, kept: process.memoryUsage().heapUsed - before });
peer.close();
