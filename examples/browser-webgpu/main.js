// @ts-check
// Trains the same network twice, from the same weights, on the same batches.

import { adamw, chain, clipByGlobalNorm } from "lanestep";
import { lossAndGradients } from "./cpu.js";
import { batchOf, createParams } from "./data.js";
import { createNetwork } from "./gpu.js";

const given = new URLSearchParams(location.search);
const STEPS = Number(given.get("steps") ?? 100);
const HIDDEN = Number(given.get("hidden") ?? 2048);
/** Steps that are submitted before the page looks at a loss. */
const STEPS_A_LOOK = 10;

const status = /** @type {HTMLOutputElement} */ (document.querySelector("output"));
const update = chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate: 1e-3, decay: 0.01 }));

async function trainOnGpu() {
  const optimizer = await update.init(createParams(HIDDEN), { backend: "webgpu" });
  const device = /** @type {GPUDevice} */ (optimizer.device);
  const network = createNetwork(device, optimizer.params, optimizer.grads, HIDDEN);
  const losses = [];
  const start = performance.now();
  while (optimizer.count < STEPS) {
    network.feed(batchOf(optimizer.count));
    const encoder = device.createCommandEncoder();
    network.encode(encoder);
    optimizer.encode(encoder);
    device.queue.submit([encoder.finish()]);
    const { count } = optimizer;
    if (count % STEPS_A_LOOK !== 1 && count !== STEPS) continue;
    losses.push(await network.loss());
    status.textContent = `on the GPU: step ${count} of ${STEPS}, loss ${losses.at(-1)?.toFixed(4)}`;
  }
  return { losses, time: (performance.now() - start) / STEPS };
}

async function trainOnCpu() {
  const optimizer = await update.init(createParams(HIDDEN));
  const losses = [];
  const start = performance.now();
  while (optimizer.count < STEPS) {
    const loss = lossAndGradients(optimizer.params, optimizer.grads, batchOf(optimizer.count));
    optimizer.step();
    const { count } = optimizer;
    if (count % STEPS_A_LOOK !== 1 && count !== STEPS) continue;
    losses.push(loss);
    status.textContent = `on the CPU: step ${count} of ${STEPS}, loss ${loss.toFixed(4)}`;
    await new Promise(requestAnimationFrame);
  }
  return { losses, time: (performance.now() - start) / STEPS };
}

async function run() {
  const [gpu, cpu] = [await trainOnGpu(), await trainOnCpu()];
  const words = (/** @type {{ losses: number[], time: number }} */ { losses, time }) =>
    `loss from ${losses[0].toFixed(4)} to ${losses.at(-1)?.toFixed(4)}, ${time.toFixed(1)} ms a step`;
  status.textContent = `done. On the GPU: ${words(gpu)}. On the CPU: ${words(cpu)}.`;
}

run().catch((error) => {
  status.textContent = `stopped: ${error.message}`;
  throw error;
});
