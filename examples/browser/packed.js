// @ts-check
// Digits as bytes: many as one file, all labels, then all images, a byte a pixel; and one image as text.

import { PIXELS } from "../digits/data.js";

/** @typedef {import("../digits/data.js").Digit} Digit */

/** The training digits that the page trains on again, so that the network does not forget; the others are held out. */
export const REHEARSAL = 500;

/** @param {readonly Digit[]} digits */
export function packed(digits) {
  const bytes = new Uint8Array(digits.length * (1 + PIXELS));
  digits.forEach(({ image, label }, k) => {
    bytes[k] = label;
    bytes.set(bytesOf(image), digits.length + k * PIXELS);
  });
  return bytes;
}

/** @param {Uint8Array} bytes */
export function unpacked(bytes) {
  const count = bytes.length / (1 + PIXELS);
  const digits = Array.from({ length: count }, (_, k) => {
    const begin = count + k * PIXELS;
    return { label: bytes[k], image: floatsOf(bytes.subarray(begin, begin + PIXELS)) };
  });
  return { rehearsal: digits.slice(0, REHEARSAL), heldOut: digits.slice(REHEARSAL) };
}

/** @param {Float32Array} image from 0 to 1 */
const bytesOf = (image) => Uint8Array.from(image, (value) => Math.round(255 * value));

/** What the network takes. @param {Uint8Array} image from 0 to 255 */
export const floatsOf = (image) => Float32Array.from(image, (value) => value / 255);

/** An image as text. @param {Uint8Array} image */
export const encoded = (image) => btoa(String.fromCharCode(...image));

/** @param {string} text */
export const decoded = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** @typedef {{ label: number, image: string }} Sample A digit of the visitor's; the image is text of `encoded`. */

/** @param {Sample} sample @returns {Digit} */
export const digitOf = ({ label, image }) => ({ label, image: floatsOf(decoded(image)) });
