// @ts-check
// Lines over the steps of fine-tuning, as SVG.

/**
 * @typedef {object} Line
 * @property {string} name a class of the style sheet
 * @property {readonly (readonly [step: number, value: number])[]} points
 */
/**
 * @typedef {object} Scale
 * @property {readonly number[]} ticks
 * @property {(value: number) => number} at where a value stands, from 0, below, to 1
 * @property {(value: number) => string} format
 */

const MARGIN = { top: 10, right: 10, bottom: 26, left: 52 };
const HEIGHT = 190;

export class Chart {
  #redraw = () => {};

  /** @param {SVGSVGElement} svg */
  constructor(svg) {
    this.svg = svg;
    new ResizeObserver(() => this.#redraw()).observe(svg);
  }

  /**
   * @param {readonly Line[]} lines
   * @param {Scale} scale of the values
   * @param {string} summary for whoever does not see it
   */
  show(lines, scale, summary) {
    this.svg.setAttribute("aria-label", summary);
    this.#redraw = () => {
      const width = this.svg.clientWidth;
      const last = Math.max(100, ...lines.flatMap(({ points }) => points.map(([step]) => step)));
      const x = (/** @type {number} */ step) => MARGIN.left + (step / last) * (width - MARGIN.left - MARGIN.right);
      const y = (/** @type {number} */ value) =>
        HEIGHT - MARGIN.bottom - scale.at(value) * (HEIGHT - MARGIN.top - MARGIN.bottom);
      this.svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
      const rows = scale.ticks.map((tick) => {
        const at = y(tick).toFixed(1);
        return (
          `<path class="grid" d="M${MARGIN.left} ${at}H${width - MARGIN.right}"/>` +
          `<text x="${MARGIN.left - 8}" y="${at}" dy="0.32em" text-anchor="end">${scale.format(tick)}</text>`
        );
      });
      const columns = stepTicks(last).map(
        (step) => `<text x="${x(step).toFixed(1)}" y="${HEIGHT - 6}" text-anchor="middle">${step}</text>`,
      );
      const drawn = lines.map(({ name, points }) => {
        const pairs = points.map(([step, value]) => `${x(step).toFixed(1)} ${y(value).toFixed(1)}`);
        const end = pairs.at(-1)?.split(" ");
        const dot =
          end && name !== "trained" ? `<circle class="dot ${name}" cx="${end[0]}" cy="${end[1]}" r="3.5"/>` : "";
        return pairs.length > 0 ? `<path class="line ${name}" d="M${pairs.join("L")}"/>${dot}` : "";
      });
      this.svg.innerHTML = [...rows, ...columns, ...drawn].join("");
    };
    this.#redraw();
  }
}

/** Round steps, some five of them. @param {number} last */
function stepTicks(last) {
  const distance = [20, 50, 100, 200, 500, 1000, 2000, 5000].find((each) => last / each <= 5) ?? 10_000;
  return Array.from({ length: Math.floor(last / distance) + 1 }, (_, k) => k * distance);
}

/**
 * Powers of ten around all values.
 *
 * @param {readonly number[]} values above 0
 * @returns {Scale}
 */
export function decades(values) {
  const low = Math.min(-1, ...values.map((value) => Math.floor(Math.log10(value))));
  const high = Math.max(0, ...values.map((value) => Math.ceil(Math.log10(value))));
  return {
    ticks: Array.from({ length: high - low + 1 }, (_, k) => 10 ** (low + k)),
    at: (value) => (Math.log10(value) - low) / (high - low),
    format: (tick) => `${Number(tick.toPrecision(1))}`,
  };
}

/**
 * Percent points around all values, with half a one to spare.
 *
 * @param {readonly number[]} values from 0 to 1
 * @returns {Scale}
 */
export function percents(values) {
  const low = Math.floor(100 * Math.min(...values) - 0.5);
  const high = Math.min(100, Math.ceil(100 * Math.max(...values) + 0.5));
  const distance = Math.ceil((high - low) / 5);
  return {
    ticks: Array.from({ length: Math.floor((high - low) / distance) + 1 }, (_, k) => (low + k * distance) / 100),
    at: (value) => (100 * value - low) / (high - low),
    format: (tick) => `${Math.round(100 * tick)} %`,
  };
}
