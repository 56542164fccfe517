// @ts-check
// The visitor's digits: what the trained network took each for, and what the one that has learned does.

import { toBatch } from "../digits/data.js";
import { classify, crossEntropy, forward } from "../digits/model.js";
import { byId, drawImage, element, percent } from "./dom.js";
import { decoded, digitOf } from "./packed.js";

/** @typedef {import("./worker.js").Params} Params */
/** @typedef {import("./packed.js").Sample} Sample */

/** How many of them are shown, the last ones. */
const SHOWN = 24;

/**
 * @param {readonly Sample[]} samples
 * @param {Params} before
 * @param {Params} now
 */
export function showYours(samples, before, now) {
  byId("none").hidden = samples.length > 0;
  const [begin, end] = [before, now].map((params) => measured(samples, params));
  /** @type {[string, ReturnType<typeof measured>][]} */
  const columns = [
    ["before", begin],
    ["now", end],
  ];
  for (const [column, { answers, loss }] of columns) {
    const right = answers.filter(({ answer }, k) => answer === samples[k].label).length;
    byId(`own-${column}`).textContent = samples.length > 0 ? `${right} of ${samples.length}` : "–";
    byId(`loss-${column}`).textContent = samples.length > 0 ? loss.toPrecision(2) : "–";
  }
  const items = samples.map(({ label, image }, k) => {
    const canvas = /** @type {HTMLCanvasElement} */ (
      element("canvas", { width: "28", height: "28", "aria-hidden": "true" })
    );
    drawImage(canvas, decoded(image));
    const [was, is] = [begin.answers[k], end.answers[k]];
    return element(
      "li",
      { class: is.answer === label ? "is-right" : "is-wrong" },
      canvas,
      element("p", {}, element("strong", {}, `a ${label}`)),
      element("p", {}, `before: ${was.answer}, ${percent(was.confidence)}`),
      element(
        "p",
        {},
        `now: ${is.answer}, ${percent(is.confidence)} `,
        element("span", {}, is.answer === label ? "✓" : "✗"),
      ),
    );
  });
  byId("yours").replaceChildren(...items.slice(-SHOWN).reverse());
}

/** @param {readonly Sample[]} samples @param {Params} params */
function measured(samples, params) {
  const { images, labels } = toBatch(samples.map(digitOf));
  const probabilities = forward(params, images)[params.length];
  return { answers: classify(params, images), loss: crossEntropy(probabilities, labels) };
}
