// @ts-check
// adamw without clipping, up to what one memory holds: lanestep and the hand-written loop.
// Arguments: parameters, a multiple of 16; rounds.

import { stepsASample } from "../contest.js";
import { interleave, report, timed } from "../measure.js";
import { AssemblyScriptPeer } from "../own/assemblyscript.js";
import { plainUpdate } from "../own/lanestep.js";
import { Generator } from "../settings.js";
import { BY_HAND } from "../table.js";

const CHECKED_STEPS = 3;
const TOLERANCE = 1e-6;

const length = Number(process.argv[2]);
const rounds = Number(process.argv[3]);

const byHand = new AssemblyScriptPeer(BY_HAND, length);
await byHand.reset();
// A shape and not an array: the parameters exist once.
const params = { w: { shape: [length] } };
const { bytes } = plainUpdate.plan(params);
const optimizer = await plainUpdate.init(params);
const generator = new Generator();
generator.fill(optimizer.params.w);
generator.fill(optimizer.grads.w);

const run = timed(() => optimizer.step());
await run(CHECKED_STEPS);
await byHand.run(false, CHECKED_STEPS);
const expected = await byHand.params();
for (let i = 0; i < length; i++) {
  const [value, other] = /** @type {[number, number]} */ ([optimizer.params.w[i], expected[i]]);
  if (!(Math.abs(value - other) <= TOLERANCE)) {
    throw new Error(`parameter ${i} of ${length} is ${value} after ${CHECKED_STEPS} steps, ${other} by hand`);
  }
}

report({
  length,
  bytes,
  rounds,
  measurements: await interleave(
    [
      { name: "lanestep", run },
      { name: BY_HAND, run: (steps) => byHand.run(false, steps) },
    ],
    { rounds, steps: stepsASample(length) },
  ),
});
