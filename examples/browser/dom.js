// @ts-check
// What the parts of the page share: finding and making elements, and numbers in words.

/** @param {string} id */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/**
 * @param {string} tag
 * @param {Record<string, string>} attributes
 * @param {...(Node | string)} children
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Draws an image of the network's as ink on nothing. @param {HTMLCanvasElement} canvas @param {Uint8Array} image */
export function drawImage(canvas, image) {
  const side = Math.sqrt(image.length);
  const pixels = new ImageData(side, side);
  image.forEach((value, k) => {
    pixels.data[4 * k + 3] = value;
  });
  canvas.getContext("2d")?.putImageData(pixels, 0, 0);
}

/** @param {number} fraction */
export const percent = (fraction, digits = 0) => `${(100 * fraction).toFixed(digits)} %`;

/** @param {number} count */
export const whole = (count) => count.toLocaleString("en-US");
