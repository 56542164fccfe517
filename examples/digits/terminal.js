// @ts-check
// Drawing in a terminal: a progress bar, a curve and digits, the latter two of Braille's dots, two by four a character.

/** The bit of each dot of a Braille character, by row and column, from U+2800 on. */
const BRAILLE_BITS = [
  [0x01, 0x08],
  [0x02, 0x10],
  [0x04, 0x20],
  [0x40, 0x80],
];
const REDRAW_MS = 50;
const CURVE_ROWS = 9;
const CURVE_COLUMNS = 72;
const LABEL_WIDTH = 8;

/** @typedef {"dim" | "good" | "bad" | "accent"} Style */
/** @type {Readonly<Record<Style, string>>} */
const SGR = { dim: "2", good: "32", bad: "31", accent: "36" };

/** What is known about a stream that may be a terminal, and a progress bar on its last line. */
export class Terminal {
  /** @param {NodeJS.WriteStream} stream */
  constructor(stream) {
    this.stream = stream;
    /** Whether drawings make sense; where not, print plain lines. */
    this.interactive = stream.isTTY === true && process.env.TERM !== "dumb";
    this.colored = this.interactive && !process.env.NO_COLOR;
    this.lastDrawn = -Infinity;
  }

  /** COLUMNS, as other tools take it; a pseudo-terminal without a size says 0. */
  get columns() {
    return Number(process.env.COLUMNS) || this.stream.columns || 80;
  }

  /** @param {string} text */
  print(text) {
    this.stream.write(`${text}\n`);
  }

  /**
   * @param {Style} style
   * @param {string} text
   */
  paint(style, text) {
    return this.colored ? `\x1b[${SGR[style]}m${text}\x1b[0m` : text;
  }

  /**
   * Draws the bar, at most once in REDRAW_MS.
   *
   * @param {number} fraction
   * @param {string} before
   * @param {string} after
   */
  drawBar(fraction, before, after) {
    const now = performance.now();
    if (now - this.lastDrawn < REDRAW_MS) return;
    this.lastDrawn = now;
    const width = Math.max(5, Math.min(40, this.columns - before.length - after.length - 3));
    const done = Math.round(fraction * width);
    const bar = this.paint("accent", "━".repeat(done)) + this.paint("dim", "╌".repeat(width - done));
    // A line that wraps can't be redrawn, so what doesn't fit is cut off.
    const room = Math.max(0, this.columns - before.length - width - 3);
    this.stream.write(`\r\x1b[2K${before} ${bar} ${after.slice(0, room)}`);
  }

  clearBar() {
    if (this.interactive) this.stream.write("\r\x1b[2K");
  }
}

/** A grid of dots, drawn as lines of Braille characters. */
class Dots {
  /**
   * @param {number} width in dots
   * @param {number} height in dots
   */
  constructor(width, height) {
    this.columns = Math.ceil(width / 2);
    this.cells = new Uint8Array(this.columns * Math.ceil(height / 4));
  }

  /**
   * @param {number} x
   * @param {number} y downwards
   */
  set(x, y) {
    this.cells[(y >> 2) * this.columns + (x >> 1)] |= BRAILLE_BITS[y & 3][x & 1];
  }

  lines() {
    const text = Array.from(this.cells, (bits) => String.fromCharCode(0x2800 + bits)).join("");
    return Array.from({ length: text.length / this.columns }, (_, row) =>
      text.slice(row * this.columns, (row + 1) * this.columns),
    );
  }
}

/**
 * The loss of every step over the epochs, on a logarithmic scale.
 *
 * @param {Terminal} terminal
 * @param {readonly number[]} losses
 * @param {number} from how many epochs were over at the first loss
 * @param {number} epochs how many were at the last
 */
export function drawCurve(terminal, losses, from, epochs) {
  const columns = Math.max(10, Math.min(CURVE_COLUMNS, terminal.columns) - LABEL_WIDTH - 2);
  const [width, height] = [columns * 2, CURVE_ROWS * 4];
  // Each column of dots shows the mean of its steps: one batch alone is noisy.
  const means = Array.from({ length: width }, (_, x) => {
    const begin = Math.floor((x * losses.length) / width);
    const end = Math.max(begin + 1, Math.floor(((x + 1) * losses.length) / width));
    return Math.max(1e-6, mean(losses.slice(begin, end)));
  });
  const [high, low] = [Math.max(...means), Math.min(...means)];
  const range = Math.log(high / low) || 1;
  const heights = means.map((loss) => Math.round((Math.log(high / loss) / range) * (height - 1)));
  const dots = new Dots(width, height);
  heights.forEach((y, x) => {
    // A column begins where the last one ended, so that the curve has no gaps.
    const before = heights[Math.max(0, x - 1)];
    for (let each = Math.min(before, y); each <= Math.max(before, y); each++) dots.set(x, each);
  });
  const middle = (CURVE_ROWS - 1) / 2;
  const labels = new Map([
    [0, high],
    [middle, Math.sqrt(high * low)],
    [CURVE_ROWS - 1, low],
  ]);
  const indent = " ".repeat(LABEL_WIDTH);
  terminal.print(terminal.paint("dim", "loss".padStart(LABEL_WIDTH - 1)));
  dots.lines().forEach((line, row) => {
    const label = labels.get(row)?.toPrecision(2) ?? "";
    const axis = terminal.paint("dim", `${label.padStart(LABEL_WIDTH - 1)} ${label ? "┤" : "│"}`);
    terminal.print(axis + terminal.paint("accent", line));
  });
  terminal.print(terminal.paint("dim", `${indent}└${"─".repeat(columns)}`));
  const first = String(Number(from.toFixed(1)));
  const last = `${epochs} ${epochs === 1 ? "epoch" : "epochs"}`;
  terminal.print(terminal.paint("dim", `${indent} ${first}${last.padStart(columns - first.length)}`));
}

/**
 * Images side by side, each with a caption below; those that don't fit are left out.
 *
 * @param {Terminal} terminal
 * @param {readonly { image: Float32Array, caption: string, style: Style }[]} pictures
 * @param {number} side of the square images, in pixels
 */
export function drawImages(terminal, pictures, side) {
  const width = Math.ceil(side / 2);
  const gap = "  ";
  const shown = pictures.slice(0, Math.max(1, Math.floor((terminal.columns + gap.length) / (width + gap.length))));
  const drawn = shown.map(({ image }) => {
    const dots = new Dots(side, side);
    image.forEach((value, index) => {
      if (value > 0.4) dots.set(index % side, Math.floor(index / side));
    });
    return dots.lines();
  });
  for (let row = 0; row < Math.ceil(side / 4); row++) terminal.print(drawn.map((lines) => lines[row]).join(gap));
  const captions = shown.map(({ caption, style }) => {
    const before = " ".repeat(Math.max(0, Math.floor((width - caption.length) / 2)));
    const after = " ".repeat(Math.max(0, width - before.length - caption.length));
    return before + terminal.paint(style, caption) + after;
  });
  terminal.print(captions.join(gap));
}

/** @param {readonly number[]} values */
export function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
