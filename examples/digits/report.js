// @ts-check
// What the run looks like: drawings in a terminal, plain lines elsewhere.

import { SIDE } from "./data.js";
import { drawCurve, drawImages, mean } from "./terminal.js";

/** How many steps the numbers beside the bar are means of. */
const RECENT = 20;

/** @typedef {import("./terminal.js").Terminal} Terminal */
/** @typedef {import("./terminal.js").Style} Style */
/** @typedef {import("./data.js").Digit & { index: number, answer: number, confidence: number }} Result */

/** The training as it goes: a bar, and a curve behind it; elsewhere a line an epoch. */
export class Progress {
  /**
   * @param {Terminal} terminal
   * @param {number} epochs
   * @param {number} stepsPerEpoch
   */
  constructor(terminal, epochs, stepsPerEpoch) {
    this.terminal = terminal;
    this.epochs = epochs;
    this.stepsPerEpoch = stepsPerEpoch;
    /** @type {number[]} */
    this.losses = [];
    /** @type {number[]} */
    this.norms = [];
  }

  /**
   * @param {number} loss
   * @param {number} rate
   * @param {number} norm the gradient's, before it is clipped
   */
  step(loss, rate, norm) {
    const { terminal, losses, norms, epochs, stepsPerEpoch } = this;
    losses.push(loss);
    norms.push(norm);
    const epoch = String(Math.ceil(losses.length / stepsPerEpoch)).padStart(String(epochs).length);
    const label = `epoch ${epoch}/${epochs}`;
    /** @param {number} count */
    const means = (count) =>
      `loss ${mean(losses.slice(-count)).toFixed(4)}  rate ${rate.toExponential(2)}  ` +
      `gradient norm ${mean(norms.slice(-count)).toFixed(2)}`;
    if (terminal.interactive) {
      const done = losses.length / (epochs * stepsPerEpoch);
      terminal.drawBar(done, label, `${percent(done).padStart(5)}  ${means(RECENT)}`);
    } else if (losses.length % stepsPerEpoch === 0) {
      terminal.print(`${label}  ${means(stepsPerEpoch)}`);
    }
  }

  end() {
    this.terminal.clearBar();
    if (this.terminal.interactive) drawCurve(this.terminal, this.losses, this.epochs);
  }
}

/**
 * @param {Terminal} terminal
 * @param {readonly Result[]} results
 */
export function showResults(terminal, results) {
  if (terminal.interactive) {
    const pictures = results.map(({ image, label, answer, confidence }) => ({
      image,
      caption: `${answer === label ? `a ${label}` : `a ${label}, not ${answer}`} (${percent(confidence)})`,
      style: /** @type {Style} */ (answer === label ? "good" : "bad"),
    }));
    drawImages(terminal, pictures, SIDE);
    return;
  }
  for (const { index, label, answer, confidence } of results) {
    terminal.print(`held-out digit ${index}: a ${label}, answered ${answer} (${percent(confidence)})`);
  }
}

/**
 * @param {number} fraction
 * @param {number} [digits]
 */
export function percent(fraction, digits = 0) {
  return `${(fraction * 100).toFixed(digits)} %`;
}
