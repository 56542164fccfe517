// @ts-check
// From a drawing to what the network was trained on: MNIST's digits were scaled into 20 × 20 pixels, antialiased, and
// laid with their centre of mass into the middle of 28 × 28. The drawing is lines, not pixels, so that it can be drawn
// once more in that size, with the pen that the digits of MNIST seem to be written with.

import { SIDE } from "../digits/data.js";

/** @typedef {readonly [x: number, y: number]} Point From 0 to 1, from the upper left. */
/** @typedef {readonly Point[]} Stroke One point is a dot. */

const BOX = 20;
/** Half the width of MNIST's pen, in its pixels. */
const PEN = 1.2;
/** A drawing smaller than this part of the pad is not made larger still: a dot stays a dot. */
const SMALLEST = 0.15;

/**
 * The image that the network sees: SIDE × SIDE, from 0 to 255, row by row.
 *
 * @param {readonly Stroke[]} strokes at least one
 */
export function imageOf(strokes) {
  const points = strokes.flat();
  const range = (/** @type {0 | 1} */ axis) => {
    const values = points.map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  };
  const [[left, right], [top, bottom]] = [range(0), range(1)];
  const scale = (BOX - 2 * PEN) / Math.max(right - left, bottom - top, SMALLEST);
  /** @type {(x: number, y: number) => Float64Array} */
  const drawnAt = (x, y) =>
    rasterize(strokes.map((stroke) => stroke.map((point) => [point[0] * scale + x, point[1] * scale + y])));
  // In the middle first; then moved by as much as its mass is off it.
  const x = (SIDE - (left + right) * scale) / 2;
  const y = (SIDE - (top + bottom) * scale) / 2;
  const mass = centreOfMass(drawnAt(x, y));
  return Uint8Array.from(drawnAt(x + SIDE / 2 - mass.x, y + SIDE / 2 - mass.y), (value) => Math.round(255 * value));
}

/**
 * How much of each pixel a round pen covers, by the distance of the pixel's centre from the lines.
 *
 * @param {readonly Stroke[]} strokes in pixels
 */
function rasterize(strokes) {
  const image = new Float64Array(SIDE * SIDE);
  for (const stroke of strokes) {
    stroke.forEach((end, k) => {
      const begin = stroke[Math.max(0, k - 1)];
      for (let i = 0; i < image.length; i++) {
        const distance = distanceTo(begin, end, (i % SIDE) + 0.5, Math.floor(i / SIDE) + 0.5);
        image[i] = Math.max(image[i], Math.min(1, Math.max(0, PEN + 0.5 - distance)));
      }
    });
  }
  return image;
}

/**
 * From a point to the nearest of a line.
 *
 * @param {Point} begin
 * @param {Point} end
 * @param {number} x
 * @param {number} y
 */
function distanceTo(begin, end, x, y) {
  const [dx, dy] = [end[0] - begin[0], end[1] - begin[1]];
  const length = dx * dx + dy * dy;
  const along = length === 0 ? 0 : ((x - begin[0]) * dx + (y - begin[1]) * dy) / length;
  const t = Math.min(1, Math.max(0, along));
  return Math.sqrt((begin[0] + t * dx - x) ** 2 + (begin[1] + t * dy - y) ** 2);
}

/** @param {Float64Array} image */
function centreOfMass(image) {
  let [mass, x, y] = [0, 0, 0];
  image.forEach((value, i) => {
    mass += value;
    x += value * ((i % SIDE) + 0.5);
    y += value * (Math.floor(i / SIDE) + 0.5);
  });
  return { x: x / mass, y: y / mass };
}
