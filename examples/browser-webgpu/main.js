// @ts-check
// Trains the same network twice, from the same weights, on the same batches. `?steps=20&hidden=256`: fewer, smaller.

import { adamw, chain, clipByGlobalNorm } from "lanestep";
import { Chart, decades } from "../browser/chart.js";
import { byId, whole } from "../browser/dom.js";
import { lossAndGradients } from "./cpu.js";
import { batchOf, createParams } from "./data.js";
import { createNetwork } from "./gpu.js";

/** @typedef {"gpu" | "cpu"} Where */
/** @typedef {[step: number, loss: number]} Point */

const given = new URLSearchParams(location.search);
const STEPS = Number(given.get("steps") ?? 100);
const HIDDEN = Number(given.get("hidden") ?? 2048);
/** Steps that are submitted before the page looks at a loss. */
const STEPS_A_LOOK = 10;

const update = chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate: 1e-3, decay: 0.01 }));
const batches = Array.from({ length: 32 }, (_, i) => batchOf(i));
const batchAt = (/** @type {number} */ step) => batches[step % batches.length];
const isLookedAt = (/** @type {number} */ count) => count % STEPS_A_LOOK === 1 || count === STEPS;

const train = /** @type {HTMLButtonElement} */ (byId("train"));
const chart = new Chart(/** @type {SVGSVGElement} */ (/** @type {unknown} */ (byId("chart"))));
/** @type {Record<Where, Point[]>} */
const losses = { gpu: [], cpu: [] };
const names = { gpu: "on the GPU", cpu: "on the CPU" };

const say = (/** @type {string} */ words) => {
  byId("note").textContent = words;
};

/** @param {Where} where @param {number} step @param {number} loss @param {number} time of a step */
function show(where, step, loss, time) {
  losses[where].push([step, loss]);
  const cells = [
    losses[where][0][1].toFixed(4),
    loss.toFixed(4),
    Number.isFinite(time) ? `${time.toFixed(1)} ms` : "–",
  ];
  byId(where)
    .querySelectorAll("td")
    .forEach((cell, i) => {
      cell.textContent = cells[i];
    });
  say(`Training ${names[where]}: step ${step} of ${STEPS}.`);
  draw();
}

function draw() {
  const { gpu, cpu } = losses;
  const summary = Object.entries(losses).flatMap(([where, points]) => {
    const last = points.at(-1);
    if (!last) return [];
    return [`${names[/** @type {Where} */ (where)]} from ${points[0][1].toFixed(2)} to ${last[1].toFixed(2)}`];
  });
  const lines = [
    { name: "own", points: gpu },
    { name: "cpu", points: cpu },
  ];
  const all = [...gpu, ...cpu].map(([, loss]) => loss);
  chart.show(lines, decades(all), `Loss over ${STEPS} steps: ${summary.join(", ")}`);
}

/** Times of steps behind the first, which waits for shaders to be compiled. */
function stopwatch() {
  let start = Number.NaN;
  return (/** @type {number} */ count) => {
    const now = performance.now();
    if (count === 1) start = now;
    return (now - start) / (count - 1);
  };
}

/** @param {GPUDevice} device */
async function trainOnGpu(device) {
  const optimizer = await update.init(createParams(HIDDEN), { backend: "webgpu", device });
  const network = createNetwork(device, optimizer.params, optimizer.grads, HIDDEN);
  const time = stopwatch();
  while (optimizer.count < STEPS) {
    network.feed(batchAt(optimizer.count));
    const encoder = device.createCommandEncoder();
    network.encode(encoder);
    optimizer.encode(encoder);
    device.queue.submit([encoder.finish()]);
    const { count } = optimizer;
    if (!isLookedAt(count)) continue;
    const loss = await network.loss();
    show("gpu", count, loss, time(count));
  }
  network.dispose();
  optimizer.dispose();
}

async function trainOnCpu() {
  const optimizer = await update.init(createParams(HIDDEN));
  const time = stopwatch();
  while (optimizer.count < STEPS) {
    const loss = lossAndGradients(optimizer.params, optimizer.grads, batchAt(optimizer.count));
    optimizer.step();
    const { count } = optimizer;
    if (isLookedAt(count)) show("cpu", count, loss, time(count));
    await new Promise((resolve) => setTimeout(resolve)); // the page is to answer
  }
  optimizer.dispose();
}

/** @param {GPUDevice | null} device */
async function run(device) {
  train.disabled = true;
  losses.gpu = [];
  losses.cpu = [];
  if (device) await trainOnGpu(device);
  await trainOnCpu();
  const [gpu = Number.NaN, cpu = Number.NaN] = [losses.gpu, losses.cpu].map((points) => points.at(-1)?.[1]);
  say(device ? `Done: the last losses are ${Math.abs(gpu - cpu).toExponential(0)} apart.` : "Done, on the CPU alone.");
  train.disabled = false;
}

/** @param {Error} error */
const stopped = (error) => {
  byId("note").classList.add("is-problem");
  say(`It stopped: ${error.message}`);
};

/** The device, and its name on the page; null where there is none. */
async function openDevice() {
  const adapter = await navigator.gpu?.requestAdapter();
  if (!adapter) {
    byId("adapter").textContent = "none";
    byId("note").classList.add("is-problem");
    say(
      "This browser offers no WebGPU here, so that the CPU trains alone. Chrome, Edge, Firefox and Safari have it in their " +
        "latest versions, on pages from https or localhost; on Linux Chrome wants chrome://flags/#enable-unsafe-webgpu.",
    );
    return null;
  }
  const { vendor, architecture, device, description } = adapter.info;
  byId("adapter").textContent =
    description || [vendor, architecture, device].filter(Boolean).join(" ") || "without a name";
  say("Ready.");
  return adapter.requestDevice();
}

const leaves = Object.values(createParams(HIDDEN)).flatMap(({ kernel, bias }) => [kernel.data, bias]);
byId("parameters").textContent = whole(leaves.reduce((sum, { length }) => sum + length, 0));
byId("steps").textContent = `${STEPS}, of clipped AdamW`;

openDevice().then((device) => {
  train.disabled = false;
  train.addEventListener("click", () => run(device).catch(stopped));
  device?.lost.then(({ message }) => stopped(new Error(`the device is lost: ${message}`)));
}, stopped);
