// @ts-check
// Zero gradients for ever, as a dead unit or an unused row of an embedding gets them: moments decay until they are
// subnormal numbers, on which a processor is slow, unless somebody sets them to zero in time.
// Arguments: parameters, rounds.

import { interleave, report } from "../measure.js";
import { AssemblyScriptPeer } from "../own/assemblyscript.js";
import { LanestepPeer } from "../own/lanestep.js";
import { BY_HAND } from "../table.js";

const REAL_STEPS = 100;
const SOON = 1_000;
const LATE = 70_000;
/** Few, so that the timing itself stays near step 1,000; 64, so that each sample holds one flush of the library's. */
const STEPS_A_SAMPLE = 64;

const length = Number(process.argv[2]);
const rounds = Number(process.argv[3]);

/** @param {number} zeroSteps */
async function lanestepAfter(zeroSteps) {
  const peer = new LanestepPeer("lanestep", [length]);
  await peer.reset();
  await peer.run(true, REAL_STEPS);
  if (zeroSteps > 0) peer.zeroGrads(true);
  await peer.run(true, zeroSteps);
  return peer;
}

/** @param {LanestepPeer} peer */
function moments(peer) {
  const state = /** @type {Record<string, Float32Array[]>[]} */ (peer.optimizer(true).state);
  const { mu, nu } = /** @type {Record<string, Float32Array[]>} */ (state.find((slots) => "mu" in slots));
  const isZero = (/** @type {Float32Array[] | undefined} */ leaves) =>
    !!leaves?.every((leaf) => leaf.every((x) => x === 0));
  return { firstIsZero: isZero(mu), secondIsZero: isZero(nu) };
}

const start = await lanestepAfter(0);
const soon = await lanestepAfter(SOON);
const late = await lanestepAfter(LATE);
const zeros = { soon: moments(soon), late: moments(late) };
const byHand = new AssemblyScriptPeer(BY_HAND, length);
await byHand.reset();
await byHand.run(true, REAL_STEPS);
byHand.zeroGrads();
await byHand.run(true, SOON);

const measurements = await interleave(
  [
    { name: "at the start, real gradients", run: (steps) => start.run(true, steps) },
    { name: "after 1,000 steps of zeros", run: (steps) => soon.run(true, steps) },
    { name: "after 70,000 steps of zeros", run: (steps) => late.run(true, steps) },
    { name: "hand-written, flushing nothing, after 1,000", run: (steps) => byHand.run(true, steps) },
  ],
  { rounds, steps: STEPS_A_SAMPLE, warmUp: 0 },
);
report({ length, zeros, measurements });
