// @ts-check
// One size: all peers checked against each other, then timed round by round, with clipping and without.
// Arguments: parameters, rounds, and "leaves" where 300 leaves run too.

/** @import { Peer } from "../measure.js" */

import { natives } from "../build.js";
import { interleave, report } from "../measure.js";
import { AssemblyScriptPeer, linkedLoop } from "../own/assemblyscript.js";
import { JavaScriptPeer } from "../own/javascript.js";
import { LanestepPeer, leafLengths } from "../own/lanestep.js";
import { nativePeer } from "../own/native.js";
import { BY_HAND, LEAVES, LINKED } from "../table.js";

const CHECKED_STEPS = 10;
const TOLERANCE = 1e-5;
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

/**
 * How far each peer's parameters are from the plain loop's, relative to the largest of them.
 * @param {boolean} clip
 */
async function differences(clip) {
  /** @type {Map<string, Float32Array>} */
  const params = new Map();
  for (const peer of peers) {
    await peer.reset();
    await peer.run(clip, CHECKED_STEPS);
    params.set(peer.name, await peer.params(clip));
  }
  const expected = /** @type {Float32Array} */ (params.get("plain JS"));
  const magnitude = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  return [...params].map(([name, actual]) => {
    const furthest = expected.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - /** @type {number} */ (actual[i]))),
      0,
    );
    return { name, difference: furthest / magnitude };
  });
}

for (const clip of [true, false]) {
  const strangers = (await differences(clip)).filter(({ difference }) => !(difference <= TOLERANCE));
  for (const { name, difference } of strangers) {
    const what = clip ? "with clipping" : "without clipping";
    console.error(
      `${name} computes something else than plain JS: after ${CHECKED_STEPS} steps of ${length} parameters ${what} ` +
        `they differ by ${difference.toExponential(2)} of the largest, allowed are ${TOLERANCE}`,
    );
  }
  if (strangers.length > 0) process.exit(1);
}

const steps = Math.max(1, Math.floor(PARAMETERS_A_SAMPLE / length));
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
