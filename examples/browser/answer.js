// @ts-check
// What the network takes the drawing for, and the ten buttons that tell it what it was.

import { CLASSES, PIXELS } from "../digits/data.js";
import { byId, drawImage, element, percent } from "./dom.js";

export class Answer {
  /** @param {(label: number) => void} teach */
  constructor(teach) {
    this.columns = Array.from({ length: CLASSES }, (_, label) => {
      const bar = element("span", { class: "bar" });
      const button = element("button", { type: "button", "aria-label": `It was a ${label}` }, bar, `${label}`);
      button.addEventListener("click", () => teach(label));
      byId("digits").append(button);
      return { bar, button };
    });
  }

  /**
   * @param {{ image: Uint8Array, probabilities: Float32Array, answer: number } | null} reading null for no drawing
   * @param {string | null} words what to say aloud; null while the pen is down
   */
  show(reading, words) {
    this.columns.forEach(({ bar, button }, label) => {
      bar.style.transform = `scaleY(${reading?.probabilities[label] ?? 0})`;
      button.classList.toggle("is-answer", label === reading?.answer);
    });
    byId("digit").textContent = reading ? `${reading.answer}` : "–";
    drawImage(/** @type {HTMLCanvasElement} */ (byId("seen")), reading?.image ?? new Uint8Array(PIXELS));
    // Said once, when the stroke has ended.
    if (words !== null && byId("answer").textContent !== words) byId("answer").textContent = words;
  }
}

/** @param {{ probabilities: Float32Array, answer: number } | null} reading */
export function inWords(reading) {
  return reading ? `A ${reading.answer}, ${percent(reading.probabilities[reading.answer])} sure.` : "Nothing yet.";
}
