// @ts-check
// node bench/draw.js [bench/results/curves-….json]: keeps those results as docs/curves.json, if they are given, and draws
// docs/curves.svg from that file.

/** @import { Curves, Point } from "./curves.js" */
/** @import { Measurement } from "./measure.js" */

import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { BY_HAND, fastestNative, named, size } from "./table.js";

/** @typedef {{ x: number, y: number, low: number, high: number }} Dot a median and its quartiles */
/** @typedef {{ name: string, dots: Dot[] }} Line */

/**
 * @typedef {object} Panel
 * @property {string} title
 * @property {string} xLabel
 * @property {boolean} isLog whether x is logarithmic
 * @property {number[]} xTicks
 * @property {(x: number) => string} xName
 * @property {Line[]} lines
 */

const WIDTH = 520;
const HEIGHT = 340;
const FRAME = { left: 62, right: 22, top: 78, bottom: 52 };
/** Each is told from the next without its colour too. */
const STYLES = [
  { colour: "#2f81f7", dash: "none" },
  { colour: "#e8710a", dash: "7 3" },
  { colour: "#2da44e", dash: "2 3" },
];
const STYLE = `
    svg { color: #1f2328; background: #ffffff; font: 12px system-ui, sans-serif; }
    @media (prefers-color-scheme: dark) { svg { color: #d1d7e0; background: #151b23; } }
    text { fill: currentColor; }
    .title { font-size: 14px; font-weight: 600; }
    .grid { stroke: currentColor; stroke-opacity: 0.15; }
    .axis { stroke: currentColor; stroke-opacity: 0.6; }`;

const quoted = (/** @type {string} */ text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const at = (/** @type {number} */ coordinate) => coordinate.toFixed(1);

/**
 * @param {number} x
 * @param {number} y
 * @param {string} content
 */
const text = (x, y, content, attributes = "") =>
  `<text x="${at(x)}" y="${at(y)}" ${attributes}>${quoted(content)}</text>`;

/**
 * 1, 2 and 5 times powers of ten, from below half the least to above twice the largest: what is flat should look flat.
 * @param {number[]} values
 */
function decades(values) {
  const [least, largest] = [Math.min(...values) / 2, Math.max(...values) * 2];
  const powers = Array.from({ length: 12 }, (_, i) => 10 ** (i - 4));
  const steps = powers.flatMap((power) => [power, 2 * power, 5 * power]);
  return steps.filter((step, i) => (steps[i + 1] ?? step) > least && (steps[i - 1] ?? step) < largest);
}

/**
 * A panel with its upper left corner at 0, 0.
 * @param {Panel} panel
 */
function drawPanel({ title, xLabel, isLog, xTicks, xName, lines }) {
  const dots = lines.flatMap((line) => line.dots);
  const yTicks = decades(dots.flatMap(({ low, high }) => [low, high]));
  const xs = dots.map((dot) => dot.x);
  const scale = (/** @type {number} */ value) => (isLog ? Math.log(value) : value);
  const [xFrom, xTo] = [scale(Math.min(...xs)), scale(Math.max(...xs))];
  const [yFrom, yTo] = [Math.log(yTicks[0] ?? 0), Math.log(yTicks.at(-1) ?? 0)];
  const [right, bottom] = [WIDTH - FRAME.right, HEIGHT - FRAME.bottom];
  const toX = (/** @type {number} */ x) => FRAME.left + ((scale(x) - xFrom) / (xTo - xFrom)) * (right - FRAME.left);
  const toY = (/** @type {number} */ y) => bottom - ((Math.log(y) - yFrom) / (yTo - yFrom)) * (bottom - FRAME.top);
  const rule = (/** @type {number[]} */ ends, /** @type {string} */ kind) => {
    const [x1, y1, x2, y2] = ends.map(at);
    return `<line class="${kind}" x1="${x1}" y1="${y1}" x2="${x2}" y2="${y2}"/>`;
  };
  const names = lines.map(({ name }, i) => {
    const before = lines.slice(0, i).reduce((sum, other) => sum + 52 + 6.3 * other.name.length, 0);
    const x = FRAME.left + before;
    const { colour, dash } = STYLES[i] ?? {};
    const sample = `<line x1="${at(x)}" y1="56" x2="${at(x + 24)}" y2="56" stroke="${colour}" stroke-width="2" stroke-dasharray="${dash}"/>`;
    return sample + text(x + 30, 60, name);
  });
  const curves = lines.map(({ dots }, i) => {
    const { colour, dash } = STYLES[i] ?? {};
    const points = dots.map(({ x, y }) => `${at(toX(x))},${at(toY(y))}`).join(" ");
    const marks = dots.map(({ x, y, low, high }) => {
      const spread = `<line x1="${at(toX(x))}" y1="${at(toY(low))}" x2="${at(toX(x))}" y2="${at(toY(high))}" stroke-opacity="0.5"/>`;
      return `${spread}<circle cx="${at(toX(x))}" cy="${at(toY(y))}" r="2.5" fill="${colour}" stroke="none"/>`;
    });
    return `<g stroke="${colour}" stroke-width="2"><polyline fill="none" stroke-dasharray="${dash}" points="${points}"/>${marks.join("")}</g>`;
  });
  return [
    text(FRAME.left, 26, title, 'class="title"'),
    ...names,
    ...yTicks.map((y) => rule([FRAME.left, toY(y), right, toY(y)], "grid")),
    ...yTicks.map((y) => text(FRAME.left - 8, toY(y) + 4, `${Number(y.toPrecision(1))}`, 'text-anchor="end"')),
    ...xTicks.map((x) => rule([toX(x), FRAME.top, toX(x), bottom], "grid")),
    ...xTicks.map((x) => text(toX(x), bottom + 18, xName(x), 'text-anchor="middle"')),
    rule([FRAME.left, bottom, right, bottom], "axis"),
    rule([FRAME.left, FRAME.top, FRAME.left, bottom], "axis"),
    text((FRAME.left + right) / 2, bottom + 38, xLabel, 'text-anchor="middle"'),
    text(
      0,
      0,
      "ns a parameter",
      `text-anchor="middle" transform="translate(16 ${at((FRAME.top + bottom) / 2)}) rotate(-90)"`,
    ),
    ...curves,
  ].join("\n    ");
}

/**
 * The lines of a panel, by name; those that nothing was measured for are left out.
 * @template {Point} P
 * @param {P[]} points
 * @param {(point: P) => number} x
 * @param {Record<string, (measurements: Measurement[]) => Measurement | null | undefined>} picks
 * @returns {Line[]}
 */
function linesOf(points, x, picks) {
  const all = Object.entries(picks).map(([name, pick]) => {
    const dots = points.flatMap((point) => {
      const measurement = pick(point.measurements);
      if (!measurement) return [];
      const [y, low, high] = [measurement.nanoseconds, ...measurement.quartiles].map((time) => time / point.length);
      return [/** @type {Dot} */ ({ x: x(point), y, low, high })];
    });
    return { name, dots };
  });
  return all.filter(({ dots }) => dots.length > 0);
}

const lanestep = (/** @type {Measurement[]} */ measurements) => named(measurements, "lanestep");
const byHand = (/** @type {Measurement[]} */ measurements) => named(measurements, BY_HAND);

/** @param {number} bytes */
const bytesName = (bytes) => (bytes >= 2 ** 30 ? `${bytes / 2 ** 30} GB` : `${bytes / 2 ** 20} MB`);

/**
 * @param {Curves} curves
 * @returns {Panel[]}
 */
function panelsOf({ sizes, leaves, chains, memory }) {
  return [
    {
      title: "A step of AdamW with clipping",
      xLabel: "parameters",
      isLog: true,
      xTicks: sizes.map(({ length }) => length),
      xName: size,
      lines: linesOf(sizes, ({ length }) => length, {
        lanestep,
        "AssemblyScript by hand": byHand,
        "native C": fastestNative,
      }),
    },
    {
      title: "The same, 1 M parameters in many leaves",
      xLabel: "leaves",
      isLog: true,
      xTicks: leaves.map((point) => point.leaves),
      xName: size,
      lines: linesOf(leaves, (point) => point.leaves, {
        "step()": ([, , many]) => many,
        "step(grads), copied in": ([, , , many]) => many,
      }),
    },
    {
      title: "Chains of rules with state, 256 k parameters",
      xLabel: "rules in the chain",
      isLog: false,
      xTicks: chains.map(({ rules }) => rules),
      xName: String,
      lines: linesOf(chains, ({ rules }) => rules, {
        "one linked loop": ([linked]) => linked,
        "over tiles": ([, tiles]) => tiles,
        "each rule alone, sum": ([, , alone]) => alone,
      }),
    },
    {
      title: "AdamW, up to the 4 GB of one memory",
      xLabel: "bytes of its four planes",
      isLog: true,
      // The last point lies a little below 4 GB.
      xTicks: memory
        .map(({ bytes }) => 2 ** Math.round(Math.log2(bytes)))
        .filter((bytes) => Math.log2(bytes) % 4 === 0),
      xName: bytesName,
      lines: linesOf(memory, ({ bytes }) => bytes, { lanestep, "AssemblyScript by hand": byHand }),
    },
  ];
}

/** @param {Curves} curves */
function drawing(curves) {
  const { machine, date } = curves;
  const panels = panelsOf(curves).map((panel, i) => {
    const place = `translate(${(i % 2) * WIDTH} ${Math.floor(i / 2) * HEIGHT})`;
    return `  <g transform="${place}">\n    ${drawPanel(panel)}\n  </g>\n`;
  });
  const source = `${machine.cpu}, one core, Node ${machine.node}, ${date.slice(0, 10)}; medians of interleaved rounds, bars: quartiles`;
  const [width, height] = [2 * WIDTH, 2 * HEIGHT + 28];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
  <title>How the time of a step grows with parameters, leaves, rules and memory</title>
  <style>${STYLE}
  </style>
${panels.join("")}  ${text(FRAME.left, height - 12, source)}
</svg>
`;
}

const kept = fileURLToPath(new URL("../docs/curves.json", import.meta.url));
const given = process.argv[2];
if (given !== undefined) {
  const results = JSON.stringify(JSON.parse(readFileSync(given, "utf8")), null, 2);
  // Numbers of one array on one line, as the formatter wants them.
  writeFileSync(
    kept,
    `${results.replace(/\[([\d\s.,-]+)\]/g, (_, numbers) => `[${numbers.trim().replace(/\s+/g, " ")}]`)}\n`,
  );
}
writeFileSync(new URL("../docs/curves.svg", import.meta.url), drawing(JSON.parse(readFileSync(kept, "utf8"))));
console.log("drawn: docs/curves.svg");
