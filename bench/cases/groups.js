// @ts-check
// What groups and gates cost: a transformer-like tree of 300 leaves, 1.2 M parameters, with decay on all of them and on
// matrices alone; clipping with and without a check for NaN.
// Argument: rounds.

import { addDecayedWeights, chain, clipByGlobalNorm, masked, scale, scaleByAdam, skipNonFinite } from "lanestep";
import { interleave, report, timed } from "../measure.js";

const LAYERS = 25;
const WIDTH = 64;
const STEPS_A_SAMPLE = 8;

const rounds = Number(process.argv[2]);

const matrix = (/** @type {number} */ rows, /** @type {number} */ columns) => ({ shape: [rows, columns] });
const vector = (/** @type {number} */ length) => ({ shape: [length] });
const params = Array.from({ length: LAYERS }, () => ({
  attention: { q: matrix(WIDTH, WIDTH), k: matrix(WIDTH, WIDTH), v: matrix(WIDTH, WIDTH), out: matrix(WIDTH, WIDTH) },
  norms: { scale1: vector(WIDTH), bias1: vector(WIDTH), scale2: vector(WIDTH), bias2: vector(WIDTH) },
  up: { kernel: matrix(WIDTH, 4 * WIDTH), bias: vector(4 * WIDTH) },
  down: { kernel: matrix(4 * WIDTH, WIDTH), bias: vector(WIDTH) },
}));

const decay = addDecayedWeights({ decay: 0.1 });
const onMatrices = masked(decay, (_path, { shape }) => shape.length > 1);
const clip = clipByGlobalNorm({ maxNorm: 1 });
const adamWith = (/** @type {import("lanestep").Update} */ decayed) => chain(scaleByAdam(), decayed, scale(-1e-3));

/** @param {string} name @param {import("lanestep").Update} update */
async function contender(name, update) {
  const optimizer = await update.init(params);
  for (const layer of optimizer.grads)
    for (const group of Object.values(layer)) {
      for (const leaf of Object.values(group))
        leaf.forEach((_, i) => {
          leaf[i] = Math.sin(i);
        });
    }
  return { name, run: timed(() => optimizer.step()) };
}

const time = async (/** @type {readonly [string, import("lanestep").Update][]} */ pairs) =>
  interleave(await Promise.all(pairs.map(([name, update]) => contender(name, update))), {
    rounds,
    steps: STEPS_A_SAMPLE,
  });

report({
  masks: await time([
    ["decay on all", adamWith(decay)],
    ["decay on matrices", adamWith(onMatrices)],
  ]),
  gates: await time([
    ["clipping", chain(clip, adamWith(decay))],
    ["clipping, NaN checked", skipNonFinite(chain(clip, adamWith(decay)))],
  ]),
});
