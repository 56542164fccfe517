// @ts-check
// The training loop: it owns the optimizer and what is kept, and posts copies of the parameters to the page.

import { FineTuning } from "./fine-tuning.js";
import { unpacked } from "./packed.js";
import { openStore } from "./store.js";

/** @typedef {readonly { readonly kernel: Float32Array, readonly bias: Float32Array }[]} Params */
/** @typedef {import("./fine-tuning.js").Point} Point */
/** @typedef {import("./packed.js").Sample} Sample */
/**
 * What the page posts: first of all, where it is.
 * @typedef {{ type: "begin", base: string } | { type: "teach", sample: Sample } | { type: "reset" }} Request
 */
/** @typedef {{ rate: number | null, gradNorm: number, updateNorm: number | null, paramNorm: number, clipped: boolean, optimizerMs: number, stepMs: number }} Figures */
/**
 * What the worker posts. `trained`: the network of `npm start` is loaded; `elsewhere`: another tab fine-tunes, and this one
 * waits; `ready`: samples can come; `progress`: a point of the chart; `kept` and `unkept`: what became of a checkpoint, and
 * from how many samples all is learned, if it is;
 * `refused`: there is one that cannot be gone on from; `failed`: nothing goes on.
 * @typedef {{ type: "trained", params: Params, count: number, backend: import("lanestep").BackendInfo }
 *   | { type: "elsewhere" }
 *   | { type: "ready", params: Params, samples: Sample[], history: Point[], place: string | null }
 *   | { type: "progress", params: Params, point: Point, done: number, figures: Figures }
 *   | { type: "kept", learned: number | null }
 *   | { type: "unkept", learned: number | null, reason: string }
 *   | { type: "refused", reason: string }
 *   | { type: "failed", reason: string }} Report
 */

const NAME = "lanestep-digits.safetensors";

/** @type {Request[]} */
const inbox = [];
let wake = () => {};
addEventListener("message", ({ data }) => {
  inbox.push(data);
  wake();
});

/** The next request, at once null if none is there and none is waited for. */
async function next(isWaiting = true) {
  // Whatever was posted meanwhile comes in first.
  await new Promise((resolve) => setTimeout(resolve));
  if (inbox.length === 0 && isWaiting) await new Promise((resolve) => (wake = () => resolve(undefined)));
  return inbox.shift() ?? null;
}

/** @param {Report} report */
function post(report) {
  const arrays = "params" in report ? report.params.flatMap(({ kernel, bias }) => [kernel.buffer, bias.buffer]) : [];
  postMessage(report, { transfer: arrays });
}

/** @param {string} url */
async function load(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} is not there (${response.status})`);
  return response;
}

/**
 * One tab alone fine-tunes, until it is closed. Over plain HTTP from another machine there are no locks: the last one to
 * keep wins.
 */
async function lock() {
  if (!navigator.locks) return;
  /** @type {(options: LockOptions) => Promise<boolean>} */
  const request = (options) =>
    new Promise((resolve, reject) => {
      const held = navigator.locks.request(NAME, options, (lock) => {
        resolve(lock !== null);
        return lock && new Promise(() => {});
      });
      held.catch(reject);
    });
  if (await request({ ifAvailable: true })) return;
  post({ type: "elsewhere" });
  await request({});
}

/** @param {Awaited<ReturnType<typeof FineTuning.begin>>} tuning */
function reportProgress(tuning) {
  const point = tuning.train();
  const { optimizer, times, done } = tuning;
  const { rate, gradNorm, updateNorm, paramNorm, clipped } = optimizer.stats();
  const figures = {
    rate,
    gradNorm,
    updateNorm,
    paramNorm,
    clipped,
    optimizerMs: times.optimizer / times.steps,
    stepMs: times.all / times.steps,
  };
  post({ type: "progress", params: optimizer.snapshot("params"), point, done, figures });
  return point;
}

async function run() {
  const request = await next();
  if (request?.type !== "begin") throw new Error("the page has to say first where it is");
  const at = (/** @type {string} */ file) => load(new URL(file, request.base).href);
  const [checkpoint, bin] = await Promise.all([at("digits.safetensors"), at("digits.bin")]);
  const trained = new Uint8Array(await checkpoint.arrayBuffer());
  const unzipped = /** @type {ReadableStream} */ (bin.body).pipeThrough(new DecompressionStream("gzip"));
  const digits = unpacked(new Uint8Array(await new Response(unzipped).arrayBuffer()));

  let tuning = await FineTuning.begin(trained, digits);
  const { optimizer } = tuning;
  post({ type: "trained", params: optimizer.snapshot("params"), count: optimizer.count, backend: optimizer.backend });

  await lock();
  // What was asked of this tab while it waited was not asked of what the other one has learned since.
  inbox.length = 0;
  /** @type {string | undefined} */
  let refusal;
  const store = await openStore(NAME).catch((error) => {
    refusal = error.message;
    return null;
  });
  const ready = () =>
    post({
      type: "ready",
      params: tuning.optimizer.snapshot("params"),
      samples: tuning.memory.samples,
      history: tuning.memory.history,
      place: store?.place ?? null,
    });
  const keep = async () => {
    const learned = tuning.isDone ? tuning.memory.samples.length : null;
    try {
      if (!store) throw new Error(refusal);
      await store.write(tuning.chunks());
      post({ type: "kept", learned });
    } catch (error) {
      post({ type: "unkept", learned, reason: /** @type {Error} */ (error).message });
    }
  };
  const startOver = async () => {
    // What is not to be removed stays, and the page learns all the same.
    const failure = await store?.remove().catch((/** @type {Error} */ error) => error);
    tuning = await FineTuning.begin(trained, digits);
    ready();
    if (failure) post({ type: "unkept", learned: null, reason: failure.message });
  };

  try {
    const kept = await store?.read();
    if (kept) tuning = await FineTuning.resume(kept, trained, digits);
    ready();
  } catch (error) {
    // A store that cannot be read may be another app's of this origin: it stays as it is.
    post({ type: "refused", reason: /** @type {Error} */ (error).message });
    while ((await next())?.type !== "reset");
    await startOver();
  }

  for (;;) {
    const request = await next(tuning.isDone);
    if (request?.type === "teach") {
      tuning.teach(request.sample);
      await keep();
    } else if (request?.type === "reset") {
      await startOver();
    } else if (reportProgress(tuning).accuracy !== null) {
      await keep();
    }
  }
}

run().catch((error) => post({ type: "failed", reason: error.message }));
