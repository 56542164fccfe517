// @ts-check
// One size of `--peers`: all peers checked against plain JS, then timed in interleaved rounds, with clipping and without.
// Argument: a plan of ../peers.js, as JSON.

/** @import { Peer } from "../measure.js" */
/** @import { PeersPlan, PeersResult, PeerTime } from "../peers-table.js" */

import { natives } from "../build.js";
import { requireSame, TOLERANCE } from "../contest.js";
import { interleave, report } from "../measure.js";
import { AssemblyScriptPeer } from "../own/assemblyscript.js";
import { JavaScriptPeer } from "../own/javascript.js";
import { NaivePeer } from "../own/naive.js";
import { nativePeer } from "../own/native.js";
import { catalogue } from "../peers/catalogue.js";
import { NAIVE } from "../peers-table.js";
import { ADAM } from "../settings.js";
import { BY_HAND } from "../table.js";

ADAM.epsRoot = 0; // TensorFlow.js and PyTorch have none, and 1e-15 shows where clipping leaves the least of a gradient
const { LanestepPeer, leafLengths } = await import("../own/lanestep.js"); // it takes the settings when it is imported

/** Parameters a sample of a fast peer: long against the clock's grain and the wake-up of a process. */
const PARAMETERS_A_SAMPLE = 1 << 21;
/** Nanoseconds: a peer whose sample would be longer gets one of fewer steps. */
const LONG_SAMPLE = 0.2e9;
/** Nanoseconds: a peer whose step alone is longer gets fewer rounds. */
const LONG_STEP = 0.25e9;
/** Nanoseconds of running before the rounds; the slowest have run long enough when they are checked. */
const WARM_UP = 250e6;

const { length, leaves, rounds, fewRounds, checkedSteps, names } = /** @type {PeersPlan} */ (
  JSON.parse(/** @type {string} */ (process.argv[2]))
);
const lengths = leaves ? leafLengths(length) : [length];

const lanestep = new LanestepPeer("lanestep", lengths);
const reference = new JavaScriptPeer(length);
/** @type {Peer[]} */
const peers = [lanestep];
if (!leaves) {
  peers.push(new AssemblyScriptPeer(BY_HAND, length), reference, new NaivePeer(NAIVE, length));
  for (const native of natives) if (native.exists()) peers.push(nativePeer(native, length));
}
for (const { name, start } of catalogue) if (names.includes(name)) peers.push(await start(lengths));

/**
 * Steps with clipping, then steps without. Where the gradients stay as they are the moments say nothing of b1 and b2; a
 * change from clipped ones to others does.
 * @param {Peer} peer
 * @param {[number, number]} steps
 */
async function paramsAfter(peer, [clippedSteps, plainSteps]) {
  await peer.reset();
  if (clippedSteps > 0) await peer.run(true, clippedSteps);
  if (plainSteps > 0) await peer.run(false, plainSteps);
  return peer.params(plainSteps === 0);
}

/**
 * @param {Peer[]} checked
 * @param {[number, number]} steps
 */
async function check(checked, steps) {
  const expected = (await paramsAfter(reference, steps)).slice();
  const what = `${steps[0]} steps with clipping and ${steps[1]} without of ${length} parameters`;
  for (const peer of checked) requireSame(peer.name, await paramsAfter(peer, steps), expected, what);
}

// lanestep is two optimizers, one for each kind of step
await check([lanestep], [checkedSteps, 0]);
await check([lanestep], [0, checkedSteps]);
await check(
  peers.filter((peer) => peer !== lanestep),
  [checkedSteps, checkedSteps],
);

/**
 * Peers whose samples may have as many steps, each group with lanestep before them.
 * @param {boolean} clip
 */
async function groups(clip) {
  const usual = {
    rounds,
    warmUp: WARM_UP,
    steps: Math.max(1, Math.floor(PARAMETERS_A_SAMPLE / length)),
    peers: /** @type {Peer[]} */ ([]),
  };
  const slow = { rounds, warmUp: WARM_UP, steps: usual.steps, peers: /** @type {Peer[]} */ ([]) };
  const slowest = { rounds: fewRounds, warmUp: 0, steps: 1, peers: /** @type {Peer[]} */ ([]) };
  for (const peer of peers) {
    if (peer === lanestep) continue;
    const step = await peer.run(clip, 1); // what is compiled at a first step was compiled for the check
    const steps = Math.max(1, Math.floor(LONG_SAMPLE / step));
    const group = step > LONG_STEP ? slowest : steps < usual.steps ? slow : usual;
    group.peers.push(peer);
    group.steps = Math.min(group.steps, steps);
  }
  return [usual, slow, slowest].filter((group) => group === usual || group.peers.length > 0);
}

/** @param {boolean} clip */
async function time(clip) {
  /** @type {PeerTime[]} */
  const times = [];
  for (const { rounds: count, warmUp, steps, peers: others } of await groups(clip)) {
    const contenders = [lanestep, ...others].map((peer) => ({
      name: peer.name,
      run: (/** @type {number} */ n) => peer.run(clip, n),
    }));
    const measurements = await interleave(contenders, { rounds: count, steps, warmUp });
    // lanestep's own time is that beside the fast peers
    const kept = times.length === 0 ? measurements : measurements.slice(1);
    times.push(...kept.map((measurement) => ({ ...measurement, rounds: count, steps })));
  }
  const order = peers.map(({ name }) => name);
  return times.sort((one, other) => order.indexOf(one.name) - order.indexOf(other.name));
}

/** @type {PeersResult} */
const result = {
  length,
  leaves: lengths.length,
  checked: { steps: checkedSteps, tolerance: TOLERANCE },
  backend: lanestep.optimizer(true).backend,
  clipped: await time(true),
  plain: await time(false),
};
report(result);
for (const peer of [...peers, reference]) peer.close();
