// @ts-check
// A step of 16 parameters: next to no arithmetic, so its time is what JavaScript spends around the loop.

import { interleave, report } from "../measure.js";
import { AssemblyScriptPeer } from "../own/assemblyscript.js";
import { LanestepPeer } from "../own/lanestep.js";
import { BY_HAND } from "../table.js";

const LENGTH = 16;
const rounds = Number(process.argv[2]);

const lanestep = new LanestepPeer("lanestep", [LENGTH]);
const byHand = new AssemblyScriptPeer(BY_HAND, LENGTH);
await lanestep.reset();
await byHand.reset();
const measurements = await interleave(
  [
    { name: "clipping and adamw", run: (steps) => lanestep.run(true, steps) },
    { name: "adamw", run: (steps) => lanestep.run(false, steps) },
    { name: "hand-written, clipping and adamw", run: (steps) => byHand.run(true, steps) },
  ],
  { rounds, steps: 20_000 },
);
report(measurements);
