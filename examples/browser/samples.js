// @ts-check
// Digits for whoever would rather not draw, written as in much of the world: MNIST's writers were Americans, and the
// network misreads some of these.

/** @typedef {import("./strokes.js").Point} Point */

/**
 * A part of an ellipse, in degrees, clockwise from the right.
 *
 * @param {Point} centre
 * @param {Point} radii
 * @param {number} from
 * @param {number} to
 * @returns {Point[]}
 */
function arc([x, y], [rx, ry], from, to) {
  const lines = Math.ceil(Math.abs(to - from) / 6);
  return Array.from({ length: lines + 1 }, (_, k) => {
    const angle = ((from + ((to - from) * k) / lines) * Math.PI) / 180;
    return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)];
  });
}

/** Lines from point to point. @param {Point[]} points */
const line = (...points) => points;

/** @type {readonly { label: number, name: string, strokes: readonly import("./strokes.js").Stroke[] }[]} */
export const SAMPLES = [
  { label: 1, name: "a 1 with a long upstroke", strokes: [line([0.24, 0.66], [0.58, 0.14], [0.58, 0.86])] },
  {
    label: 7,
    name: "a 7 with a bar",
    strokes: [line([0.24, 0.2], [0.72, 0.18], [0.46, 0.86]), line([0.34, 0.52], [0.72, 0.5])],
  },
  {
    label: 9,
    name: "a 9 like a g",
    strokes: [[...arc([0.5, 0.34], [0.18, 0.2], -20, -360), ...arc([0.46, 0.66], [0.22, 0.2], 0, 150)]],
  },
  {
    label: 0,
    name: "a 0 with a slash",
    strokes: [arc([0.5, 0.5], [0.22, 0.34], -70, 290), line([0.68, 0.2], [0.32, 0.8])],
  },
  {
    label: 4,
    name: "an open 4",
    strokes: [line([0.34, 0.16], [0.26, 0.56], [0.74, 0.54]), line([0.64, 0.3], [0.6, 0.88])],
  },
  { label: 2, name: "a 2 like a Z", strokes: [line([0.26, 0.2], [0.72, 0.2], [0.28, 0.82], [0.76, 0.82])] },
];
