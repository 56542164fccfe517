// @ts-check
import { curve, predict } from "./model.js";

/**
 * The curve, thin, and what the network has learned of it.
 * @param {HTMLCanvasElement} canvas
 * @param {import("./model.js").Views} params
 */
export function drawCurves(canvas, params) {
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const { width, height } = canvas;
  context.clearRect(0, 0, width, height);
  context.strokeStyle = getComputedStyle(canvas).color;
  for (const [lineWidth, value] of [
    [1, curve],
    [3, (/** @type {number} */ x) => predict(params, x)],
  ]) {
    context.lineWidth = /** @type {number} */ (lineWidth);
    context.beginPath();
    for (let pixel = 0; pixel <= width; pixel++) {
      const y = /** @type {(x: number) => number} */ (value)((2 * pixel) / width - 1);
      context.lineTo(pixel, ((1 - y) * height) / 2);
    }
    context.stroke();
  }
}
