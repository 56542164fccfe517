// @ts-check
// The page: it draws, asks the parameters that the worker posts, and shows what happens.

import { forward } from "../digits/model.js";
import { Answer, inWords } from "./answer.js";
import { byId, element } from "./dom.js";
import { Learning } from "./learning.js";
import { encoded, floatsOf } from "./packed.js";
import { Pad, pathOf } from "./pad.js";
import { SAMPLES } from "./samples.js";
import { imageOf } from "./strokes.js";
import { showYours } from "./yours.js";

/** @typedef {import("./worker.js").Params} Params */
/** @typedef {import("./worker.js").Report} Report */
/** @typedef {import("./worker.js").Request} Request */

/** As `npm start` has left it, and as it is now. @type {{ trained: Params, now: Params } | null} */
let network = null;
/** @type {import("./packed.js").Sample[]} */
let samples = [];

const teaching = /** @type {HTMLFieldSetElement} */ (byId("teach"));
const reset = /** @type {HTMLButtonElement} */ (byId("reset"));

/** @param {string} text */
function note(text) {
  byId("note").textContent = text;
  byId("note").classList.remove("is-problem");
}

/** Says why it cannot learn now. @param {string} text */
function stop(text) {
  teaching.disabled = true;
  reset.disabled = true;
  note(text);
  byId("note").classList.add("is-problem");
}

const learning = new Learning();
const answer = new Answer(teach);
const pad = new Pad(byId("pad"), (isOver) => {
  if (!teaching.disabled) note("");
  read(isOver);
});

/** Shows what the network, as it is now, takes the drawing for. */
function read(isSaid = true) {
  if (!network || pad.strokes.length === 0) {
    answer.show(null, isSaid ? inWords(null) : null);
    return null;
  }
  const image = imageOf(pad.strokes);
  const probabilities = /** @type {Float32Array} */ (forward(network.now, floatsOf(image)).at(-1));
  const reading = { image, probabilities, answer: probabilities.indexOf(Math.max(...probabilities)) };
  answer.show(reading, isSaid ? inWords(reading) : null);
  return reading;
}

/** @param {number} label */
function teach(label) {
  const reading = read(false);
  if (!reading) return note("There is nothing to learn from yet: draw a digit first.");
  pad.finish();
  const sample = { label, image: encoded(reading.image) };
  samples.push(sample);
  ask({ type: "teach", sample });
  note(`Learning that this is a ${label} …`);
}

let worker = startWorker();

/** @param {Request} request */
function ask(request) {
  worker.postMessage(request);
}

function startWorker() {
  const started = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  started.onmessage = ({ data }) => receive(data);
  started.onerror = (event) => {
    event.preventDefault();
    fail(event.message ?? "it could not be loaded");
  };
  started.postMessage({ type: "begin", base: document.baseURI });
  return started;
}

/** @param {string} what */
function fail(what) {
  worker.terminate();
  stop(`The worker that trains has stopped: ${what}. It goes on from what was kept last. `);
  const again = element("button", { type: "button" }, "Start it again");
  again.addEventListener("click", () => {
    note("The network is being loaded.");
    worker = startWorker();
  });
  byId("note").append(again);
}

/** @param {Report} report */
function receive(report) {
  switch (report.type) {
    case "trained":
      network = { trained: report.params, now: report.params };
      learning.begin(report.params, report.backend);
      read();
      break;
    case "elsewhere":
      stop("Another tab with this page is open, and learns. Close it, and this one goes on from there.");
      break;
    case "ready":
      if (!network) throw new Error("there is no trained network yet");
      network.now = report.params;
      samples = report.samples;
      teaching.disabled = false;
      reset.disabled = false;
      note(samples.length > 0 ? `Goes on with what it learned from ${counted(samples.length)}.` : "");
      keptIn(report.place);
      learning.restart(report.history);
      showYours(samples, network.trained, network.now);
      read();
      break;
    case "progress":
      if (!network) throw new Error("there is no trained network yet");
      network.now = report.params;
      learning.progress(report.point, report.figures, report.done);
      if (report.point.accuracy !== null) showYours(samples, network.trained, network.now);
      // The answer changes while it learns; it is said when it has.
      read(report.done === 1);
      break;
    case "kept":
      if (report.learned !== null) note(`It has learned from ${counted(report.learned)}.`);
      break;
    case "unkept":
      if (report.learned !== null) note(`It has learned from ${counted(report.learned)}, but could not keep it.`);
      byId("place").textContent = `It is not kept: this browser refused (${report.reason}). It is gone with the page.`;
      break;
    case "refused":
      stop(`What this browser kept cannot be gone on from: ${report.reason}. “Start over” below begins anew.`);
      reset.disabled = false;
      break;
    case "failed":
      fail(report.reason);
      break;
  }
}

/** @param {number} count */
const counted = (count) => `${count} ${count === 1 ? "digit" : "digits"} of yours`;

/** @param {string | null} place */
function keptIn(place) {
  byId("place").textContent = place
    ? `All this is kept in this browser (${place}), and goes on after a reload.`
    : "This browser keeps nothing for this page, as in a private window: what is learned is gone with it.";
}

byId("undo").addEventListener("click", () => pad.undo());
byId("clear").addEventListener("click", () => pad.clear());

for (const { name, strokes } of SAMPLES) {
  const button = element("button", { type: "button", "aria-label": `Draw ${name}`, title: name });
  button.innerHTML = `<svg viewBox="0 0 100 100" aria-hidden="true"><path class="ink" d="${pathOf(strokes)}"/></svg>`;
  button.addEventListener("click", () => pad.show(strokes));
  byId("samples").append(element("li", {}, button));
}

const sure = /** @type {HTMLDialogElement} */ (byId("sure"));
reset.addEventListener("click", () => sure.showModal());
sure.addEventListener("close", () => {
  if (sure.returnValue === "reset") ask({ type: "reset" });
});
