// @ts-check
// One size: all peers checked against each other, then timed round by round, with clipping and without.
// Arguments: parameters, rounds, and "leaves" where 300 leaves run too.

/** @import { Peer } from "../measure.js" */

import { natives } from "../build.js";
import { checkAgreement, stepsASample } from "../contest.js";
import { interleave, report } from "../measure.js";
import { AssemblyScriptPeer, linkedLoop } from "../own/assemblyscript.js";
import { JavaScriptPeer } from "../own/javascript.js";
import { LanestepPeer, leafLengths } from "../own/lanestep.js";
import { nativePeer } from "../own/native.js";
import { BY_HAND, LEAVES, LINKED } from "../table.js";

/** Parameters a sample: long against the clock's grain and the wake-up of the native process. */
const PARAMETERS_A_SAMPLE = 1 << 23;

const length = Number(process.argv[2]);
const rounds = Number(process.argv[3]);

const lanestep = new LanestepPeer("lanestep", [length]);
/** @type {Peer[]} */
const peers = [
  lanestep,
  new AssemblyScriptPeer(LINKED, length, linkedLoop),
  new AssemblyScriptPeer(BY_HAND, length),
  new JavaScriptPeer(length),
];
for (const native of natives) if (native.exists()) peers.push(nativePeer(native, length));
if (process.argv[4] === "leaves") peers.push(new LanestepPeer(LEAVES, leafLengths(length)));

for (const clip of [true, false]) await checkAgreement(peers, clip);

const steps = stepsASample(length, PARAMETERS_A_SAMPLE);
/** @param {boolean} clip */
const time = (clip) =>
  interleave(
    peers.map((peer) => ({ name: peer.name, run: (count) => peer.run(clip, count) })),
    { rounds, steps },
  );
report({
  length,
  rounds,
  backend: lanestep.optimizer(true).backend,
  clipped: await time(true),
  plain: await time(false),
});
for (const peer of peers) peer.close();
