// @ts-check
// The digits: serving them in shuffled batches. Runs in a browser too.

export const SIDE = 28;
export const PIXELS = SIDE * SIDE;
export const CLASSES = 10;
/** How many of the 10,000 digits to train on; the others are held out. */
export const TRAINING = 8000;

/** The furthest a training digit is moved, in pixels. MNIST leaves a margin of four around a digit. */
const MAX_SHIFT = 1;

/** @typedef {() => number} Random The next number, in [0, 1), of a seeded sequence. */
/** @typedef {{ image: Float32Array, label: number }} Digit The image is PIXELS values in [0, 1], row by row. */

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
 * The batches of a run from a step on. Every epoch has a generator of its own, so that the step alone tells which digits
 * are next, and what the epochs before it drew need not be drawn again.
 *
 * @param {number} step how many steps were made
 * @param {readonly Digit[]} digits
 * @param {{ batch: number, epochs: number }} sizes
 * @param {Random} random
 */
export function* batchesFrom(step, digits, { batch, epochs }, random) {
  const stepsPerEpoch = Math.ceil(digits.length / batch);
  for (let epoch = 0; epoch < epochs; epoch++) {
    const ofEpoch = mulberry32(random() * 2 ** 32);
    let made = step - epoch * stepsPerEpoch;
    if (made >= stepsPerEpoch) continue;
    for (const each of shuffledBatches(digits, batch, ofEpoch)) if (made-- <= 0) yield each;
  }
}

/**
 * One epoch of batches in a fresh order, each digit moved by up to MAX_SHIFT pixels: 8,000 digits are few, and moving
 * them takes a good percent point off the error. The last batch may be smaller.
 *
 * @param {readonly Digit[]} digits
 * @param {number} size
 * @param {Random} random
 */
function* shuffledBatches(digits, size, random) {
  const order = shuffled(digits, random);
  for (let begin = 0; begin < order.length; begin += size) {
    yield toBatch(order.slice(begin, begin + size).map((digit) => shifted(digit, random)));
  }
}

/**
 * The images of several digits in one array, and their labels.
 *
 * @param {readonly Digit[]} digits
 */
export function toBatch(digits) {
  const images = new Float32Array(digits.length * PIXELS);
  digits.forEach(({ image }, index) => {
    images.set(image, index * PIXELS);
  });
  return { images, labels: Uint8Array.from(digits, ({ label }) => label) };
}

/**
 * A copy in random order (Fisher and Yates' shuffle).
 *
 * @template T
 * @param {readonly T[]} items
 * @param {Random} random
 */
export function shuffled(items, random) {
  const order = [...items];
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

/**
 * A digit, moved by up to MAX_SHIFT pixels.
 *
 * @param {Digit} digit
 * @param {Random} random
 * @returns {Digit}
 */
export function shifted({ image, label }, random) {
  const step = () => Math.floor(random() * (2 * MAX_SHIFT + 1)) - MAX_SHIFT;
  // One offset moves a digit along both axes: what leaves a row on one side is margin.
  const offset = step() * SIDE + step();
  const moved = new Float32Array(PIXELS);
  moved.set(image.subarray(Math.max(0, -offset), PIXELS - Math.max(0, offset)), Math.max(0, offset));
  return { image: moved, label };
}
