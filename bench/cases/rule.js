// @ts-check
// One rule at one size: lanestep's step, the C of the same rule, what its divisions and roots take, or its bytes. All that
// compute parameters are checked against each other, then timed round by round.
// Arguments: the name of the row, parameters, rounds, and "memory" where planes are larger than the caches.

/** @import { Update } from "lanestep" */
/** @import { Row } from "../rule-rows.js" */

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { instantiateSync } from "@assemblyscript/loader";
import { floorPath, natives, sameLanes } from "../build.js";
import { furthest } from "../contest.js";
import { interleave, report, timed } from "../measure.js";
import { nativeChild } from "../own/native.js";
import { MOVES, ROOTS, rows, WITHOUT } from "../rule-rows.js";
import { Generator } from "../settings.js";

/** From the build: noise is numbered by a leaf's path. */
const { hashPath } = await import(new URL("../../build/js/tree/path.js", import.meta.url).href);

const CHECKED_STEPS = 10;
/** Of the largest change of a parameter in those steps. */
const TOLERANCE = 1e-5;
const PARAMETERS_A_SAMPLE = 1 << 22;
/** Nanoseconds; the checked steps have warmed up too. */
const WARM_UP = 100e6;

const [, , name, size, roundCount, where] = process.argv;
const length = Number(size);
const rounds = Number(roundCount);
const isMemory = where === "memory";
const row = /** @type {Row} */ (rows.find((each) => each.name === name));

const leafLength = row.leaf.length > 0 ? row.leaf.reduce((product, axis) => product * axis) : length;
const generator = new Generator();
const initial = generator.fill(new Float32Array(length));
const gradients = generator.fill(new Float32Array(length));
const { nanEvery } = row.settings;
if (nanEvery) for (let i = 0; i < length; i += nanEvery) gradients[i] = Number.NaN;

/** @param {Float32Array} plane */
function leaves(plane) {
  return Array.from({ length: length / leafLength }, (_, i) => {
    const data = plane.subarray(i * leafLength, (i + 1) * leafLength);
    return { data, shape: row.leaf.length > 0 ? row.leaf : [length] };
  });
}

/**
 * @param {string} contender
 * @param {Update} update
 */
async function optimize(contender, update) {
  const optimizer = await update.init(leaves(initial));
  optimizer.grads.forEach((/** @type {Float32Array} */ leaf, /** @type {number} */ i) => {
    leaf.set(gradients.subarray(i * leafLength, (i + 1) * leafLength));
  });
  return {
    name: contender,
    optimizer,
    run: timed(() => optimizer.step()),
  };
}

const settings = { ...row.settings, leafHash: hashPath("0") };
const processes = (isMemory ? natives : [...natives, sameLanes])
  .filter((native) => native.exists())
  .map((native) => nativeChild(native, length, settings));
const lanestep = await optimize("lanestep", row.update());

await lanestep.run(CHECKED_STEPS);
const params = new Float32Array(length);
/** @type {Float32Array[]} */ (lanestep.optimizer.params).forEach((leaf, i) => {
  params.set(leaf, i * leafLength);
});
const change = furthest(params, initial);
for (const process of processes) {
  await process.reset();
  await process.run(row.native, CHECKED_STEPS);
  const difference = furthest(await process.params(), params) / change;
  if (difference <= TOLERANCE) continue;
  throw new Error(
    `${row.name}: ${process.name} computes something else than lanestep: after ${CHECKED_STEPS} steps of ${length} ` +
      `parameters they differ by ${difference.toExponential(2)} of the largest change, allowed are ${TOLERANCE}`,
  );
}

const contenders = [
  lanestep,
  ...processes.map((process) => ({
    name: process.name,
    run: (/** @type {number} */ steps) => process.run(row.native, steps),
  })),
];
if (row.roots && !isMemory) {
  const { exports } = instantiateSync(readFileSync(floorPath), {
    env: { memory: new WebAssembly.Memory({ initial: 1 }) },
  });
  const loop = /** @type {(lines: number) => number} */ (/** @type {unknown} */ (exports[row.roots]));
  contenders.push({ name: ROOTS, run: timed(() => loop(length / 16)) });
}
// In a process of its own: it overwrites parameters and state.
const [native] = natives;
if (isMemory && native.exists()) {
  const mover = nativeChild(native, length, settings);
  await mover.reset();
  processes.push(mover);
  contenders.push({ name: MOVES, run: (steps) => mover.run(row.moves, steps) });
}
if (row.without) contenders.push(await optimize(WITHOUT, row.without.update()));
// The engine compiles its fast code in the background, on the same core: it gets a while of that to itself.
for (const { run } of contenders) await run(1);
await sleep(200);

const steps = Math.max(1, Math.floor(PARAMETERS_A_SAMPLE / length));
report({
  name: row.name,
  length,
  backend: lanestep.optimizer.backend,
  measurements: await interleave(contenders, { rounds, steps, warmUp: WARM_UP }),
});
for (const process of processes) process.close();
