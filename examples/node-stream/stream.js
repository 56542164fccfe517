// @ts-check
// From the bytes of a CSV to batches: each function is a stage of a pipeline, and asks the one before for no more than it
// is asked for itself.
//
// digits.csv.gz: handwritten digits, 8 × 8 pixels from 0 to 16 and the label, a line each: "Optical Recognition of
// Handwritten Digits" by E. Alpaydin and C. Kaynak (doi.org/10.24432/C50P49, CC BY 4.0), its test set, as scikit-learn
// packs it.

export const PIXELS = 64;
export const CLASSES = 10;

/** @typedef {{ readonly pixels: Float32Array, readonly label: number }} Digit */
/** @typedef {"training" | "held out"} Part */

/** What the user can mend; the message says how. */
export class UserError extends Error {}

/** @param {import("node:stream").Readable} bytes */
async function* linesOf(bytes) {
  const decoder = new TextDecoder();
  let rest = "";
  // Where a stage throws, the loop would close the stream as aborted, and the pipeline would tell that in place of the error.
  for await (const chunk of bytes.iterator({ destroyOnReturn: false })) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split(/\r?\n/);
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest !== "") yield rest;
}

/** @param {import("node:stream").Readable} bytes @returns {AsyncGenerator<Digit>} */
export async function* digitsOf(bytes) {
  let line = 0;
  for await (const text of linesOf(bytes)) {
    line++;
    const numbers = text.split(",").map((cell) => (cell.trim() === "" ? Number.NaN : Number(cell)));
    const label = numbers.pop() ?? -1;
    if (numbers.length !== PIXELS || !numbers.every((value) => value >= 0 && value <= 16)) {
      throw new UserError(`line ${line}: expected ${PIXELS} pixels from 0 to 16 and a label`);
    }
    if (!Number.isInteger(label) || label < 0 || label >= CLASSES) {
      throw new UserError(`line ${line}: the label is ${label}, expected a digit`);
    }
    yield { pixels: Float32Array.from(numbers, (value) => value / 16), label };
  }
}

/**
 * Every fifth hundred of lines is held out: people wrote some dozens each, so that these are mostly other people's.
 * @param {Part} part
 */
export function only(part) {
  return async function* (/** @type {AsyncIterable<Digit>} */ digits) {
    let index = 0;
    for await (const digit of digits) {
      if ((Math.floor(index++ / 100) % 5 === 4) === (part === "held out")) yield digit;
    }
  };
}

/**
 * Those from `first` on. What is left over at the end makes no batch: an accumulated mean weighs all batches alike.
 * @param {number} size
 * @param {number} first
 */
export function inBatches(size, first) {
  return async function* (/** @type {AsyncIterable<Digit>} */ digits) {
    let made = 0;
    /** @type {Digit[]} */
    let batch = [];
    for await (const digit of digits) {
      batch.push(digit);
      if (batch.length < size) continue;
      if (made++ >= first) yield batch;
      batch = [];
    }
  };
}
