// @ts-check
// Trains, and writes a checkpoint every 25 steps.

import { adamw, chain, clipByGlobalNorm, cosineDecay } from "lanestep";
import { drawCurves } from "./draw.js";
import { batchOf, createParams, lossAndGradients } from "./model.js";
import { openStore } from "./store.js";

const STEPS = 2000;
const STEPS_A_FRAME = 5;
const STEPS_A_CHECKPOINT = 25;

const query = (/** @type {string} */ selector) => /** @type {HTMLElement} */ (document.querySelector(selector));
const status = query("output");
const canvas = /** @type {HTMLCanvasElement} */ (query("canvas"));

async function train() {
  const store = await openStore("model.safetensors");
  let isOver = false;
  const over = new Promise((resolve) => query("button").addEventListener("click", resolve)).then(() => {
    isOver = true;
  });

  const update = chain(
    clipByGlobalNorm({ maxNorm: 1 }),
    adamw({ learningRate: cosineDecay({ initValue: 1e-2, decaySteps: STEPS }), decay: 1e-4 }),
  );
  const saved = await store.read();
  const optimizer = saved ? await update.restore(saved, createParams()) : await update.init(createParams());
  const from = optimizer.count;
  const last = Number(new URLSearchParams(location.search).get("until") ?? STEPS);

  while (optimizer.count < last && !isOver) {
    const loss = lossAndGradients(optimizer.params, optimizer.grads, batchOf(optimizer.count));
    optimizer.step();
    const { count } = optimizer;
    if (count % STEPS_A_CHECKPOINT === 0 || count === last) await store.write(optimizer.saveChunks());
    if (count % STEPS_A_FRAME === 0 || count === last) {
      await new Promise(requestAnimationFrame);
      drawCurves(canvas, optimizer.params);
      status.textContent = `step ${count} of ${last}, from ${from}; loss ${loss.toExponential(2)}; kept in ${store.place}`;
    }
  }
  drawCurves(canvas, optimizer.params);
  status.textContent = `done: steps ${from} to ${optimizer.count}; kept in ${store.place}`;

  await over;
  await store.remove();
  location.reload();
}

train().catch((error) => {
  status.textContent = `stopped: ${error.message}`;
  throw error;
});
