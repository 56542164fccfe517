// @ts-check
// One size, clipping and adamw: lanestep, its linked loop and the hand-written one, in any engine.
// Arguments: parameters, rounds, and "native" where native C runs too.

/** @import { Peer } from "../measure.js" */

import { natives } from "../build.js";
import { checkAgreement, stepsASample } from "../contest.js";
import { interleave, report } from "../measure.js";
import { AssemblyScriptPeer, linkedLoop } from "../own/assemblyscript.js";
import { JavaScriptPeer } from "../own/javascript.js";
import { LanestepPeer } from "../own/lanestep.js";
import { nativePeer } from "../own/native.js";
import { BY_HAND, LINKED } from "../table.js";

const length = Number(process.argv[2]);
const rounds = Number(process.argv[3]);

const lanestep = new LanestepPeer("lanestep", [length]);
/** @type {Peer[]} */
const peers = [lanestep, new AssemblyScriptPeer(LINKED, length, linkedLoop), new AssemblyScriptPeer(BY_HAND, length)];
if (process.argv[4] === "native") {
  for (const native of natives) if (native.exists()) peers.push(nativePeer(native, length));
}
await checkAgreement([...peers, new JavaScriptPeer(length)], true);

const { node, v8, deno, bun } = process.versions;
report({
  engine: bun ? `Bun ${bun}` : deno ? `Deno ${deno} (V8 ${v8})` : `Node ${node} (V8 ${v8})`,
  backend: lanestep.optimizer(true).backend,
  length,
  rounds,
  measurements: await interleave(
    peers.map((peer) => ({ name: peer.name, run: (count) => peer.run(true, count) })),
    { rounds, steps: stepsASample(length) },
  ),
});
for (const peer of peers) peer.close();
