// @ts-check
// What the run looks like: drawings in a terminal, plain lines elsewhere.

import { SIDE } from "./data.js";
import { drawCurve, drawImages, mean } from "./terminal.js";

/** How many steps the numbers beside the bar are means of. */
const RECENT = 20;
/** How many digits are shown of those read rightly, and of those misread. */
const SHOWN = 5;

/** @typedef {import("./data.js").Digit} Digit */
/** @typedef {import("./terminal.js").Terminal} Terminal */
/** @typedef {import("./terminal.js").Style} Style */
/** @typedef {{ answer: number, confidence: number }} Answer */
/** @typedef {Digit & Answer & { index: number }} Result */

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
    /** Of the steps of this process. @type {number[]} */
    this.losses = [];
    /** @type {number[]} */
    this.norms = [];
  }

  /**
   * @param {number} loss
   * @param {import("lanestep").Stats} stats of the step
   */
  step(loss, { count, rate, gradNorm }) {
    const { terminal, losses, norms, epochs, stepsPerEpoch } = this;
    losses.push(loss);
    norms.push(gradNorm);
    const epoch = String(Math.ceil(count / stepsPerEpoch)).padStart(String(epochs).length);
    const label = `epoch ${epoch}/${epochs}`;
    /** @param {number} recent */
    const means = (recent) =>
      `loss ${mean(losses.slice(-recent)).toFixed(4)}  rate ${rate?.toExponential(2)}  ` +
      `gradient norm ${mean(norms.slice(-recent)).toFixed(2)}`;
    if (terminal.interactive) {
      const done = count / (epochs * stepsPerEpoch);
      terminal.drawBar(done, label, `${percent(done).padStart(5)}  ${means(RECENT)}`);
    } else if (count % stepsPerEpoch === 0) {
      terminal.print(`${label}  ${means(stepsPerEpoch)}`);
    }
  }

  end() {
    const { terminal, losses, epochs, stepsPerEpoch } = this;
    terminal.clearBar();
    if (terminal.interactive) drawCurve(terminal, losses, epochs - losses.length / stepsPerEpoch, epochs);
  }
}

/**
 * @param {Terminal} terminal
 * @param {readonly Digit[]} digits
 * @param {readonly Answer[]} answers
 */
export function showAnswers(terminal, digits, answers) {
  const results = digits.map((digit, index) => ({ ...digit, ...answers[index], index }));
  const right = results.filter(({ label, answer }) => answer === label);
  const misread = results.filter(({ label, answer }) => answer !== label);
  const accuracy = terminal.paint("good", percent(right.length / results.length, 2));
  terminal.print(`accuracy on ${whole(results.length)} held-out digits: ${accuracy} (${misread.length} misread)`);
  showResults(terminal, right.slice(0, SHOWN));
  showResults(terminal, misread.slice(0, SHOWN));
}

/**
 * @param {Terminal} terminal
 * @param {readonly Result[]} results
 */
function showResults(terminal, results) {
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

/** @param {number} count */
export function whole(count) {
  return count.toLocaleString("en-US");
}
