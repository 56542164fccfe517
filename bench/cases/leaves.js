// @ts-check
// 1 M parameters in many leaves and in one, each with gradients in the views and with a tree of them given to `step`.
// Arguments: leaves, a power of two; rounds.

import { stepsASample } from "../contest.js";
import { interleave, report, timed } from "../measure.js";
import { clippedUpdate } from "../own/lanestep.js";
import { Generator } from "../settings.js";

const LENGTH = 1 << 20;

const leaves = Number(process.argv[2]);
const rounds = Number(process.argv[3]);

/**
 * A tree as models have them: layers of two leaves by name. Lengths are powers of two, so that no count pays for the
 * padding of its leaves.
 * @param {number} count
 * @param {Generator} generator
 */
function tree(count, generator) {
  /** @type {Record<string, Record<string, Float32Array>>} */
  const layers = {};
  for (let i = 0; i < count; i++) {
    const layer = `layer${i >> 1}`;
    layers[layer] ??= {};
    layers[layer][i % 2 === 0 ? "kernel" : "bias"] = generator.fill(new Float32Array(LENGTH / count));
  }
  return layers;
}

/** @param {number} count */
async function contenders(count) {
  const generator = new Generator();
  const optimizer = await clippedUpdate.init(tree(count, generator));
  const grads = tree(count, generator);
  optimizer.step(grads);
  return [
    { name: `${count}, step()`, run: timed(() => optimizer.step()) },
    { name: `${count}, step(grads)`, run: timed(() => optimizer.step(grads)) },
  ];
}

report({
  length: LENGTH,
  leaves,
  rounds,
  measurements: await interleave([...(await contenders(1)), ...(await contenders(leaves))], {
    rounds,
    steps: stepsASample(LENGTH),
  }),
});
