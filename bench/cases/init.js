// @ts-check
// What it costs to begin, in this fresh process: the import, the first `init`, then further ones of the same chain and
// of chains that this process has not met. Milliseconds.

import { median, report } from "../measure.js";

const SAME_CHAIN = 31;

const model = {
  hidden: { kernel: new Float32Array(16 * 32), bias: new Float32Array(32) },
  output: { kernel: new Float32Array(32 * 10), bias: new Float32Array(10) },
};

const imported = performance.now();
const library = await import("lanestep");
const importing = performance.now() - imported;
const { adabelief, adagrad, adam, adamw, chain, clipByGlobalNorm, lamb, radam, rmsprop, sgd, yogi } = library;

/** @param {ReturnType<typeof chain>} update */
async function time(update) {
  const start = performance.now();
  const optimizer = await update.init(model);
  const took = performance.now() - start;
  optimizer.dispose();
  return took;
}

const usual = chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate: 1e-3, decay: 0.01 }));
const first = await time(usual);
const again = [];
for (let i = 0; i < SAME_CHAIN; i++) again.push(await time(usual));
const others = [];
for (const optimizer of [adabelief, adagrad, adam, lamb, radam, rmsprop, sgd, yogi]) {
  others.push(await time(optimizer({ learningRate: 1e-3 })));
}
report({ importing, first, sameChain: median(again), newChain: median(others), slowestNewChain: Math.max(...others) });
