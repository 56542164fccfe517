// docs/scale.md: every figure of its tables is computed anew; and what is past one memory is refused before it is allocated.

import { readFileSync } from "node:fs";
import { afterEach, describe, expect, it } from "vitest";
import * as lanestep from "../src/index.ts";

const { adam, chain, clipByGlobalNorm, freeze, partition } = lanestep;
const BACKENDS = ["wasm", "reference"] as const;
/** Of one memory: 65,535 pages less what is kept free. */
const LIMIT = 65535 * 65536 - 1024;

const page = readFileSync("docs/scale.md", "utf8");

/** The rows of the table with this first row of headings, and the headings. */
function tableOf(firstHeadings: string): { headings: string[]; rows: string[][] } {
  const lines = page.split("\n");
  const at = lines.findIndex((line) => line.startsWith(`| ${firstHeadings} |`));
  if (at < 0) throw new Error(`docs/scale.md has no table "${firstHeadings}"`);
  const end = lines.findIndex((line, i) => i > at && !line.startsWith("|"));
  const [headings, , ...rows] = lines.slice(at, end).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  return { headings: headings!, rows };
}

/** An update from its code in a cell. */
const updateOf = (cell: string): lanestep.Update =>
  new Function(...Object.keys(lanestep), `return ${cell.match(/^`(.+)`$/)![1]};`)(...Object.values(lanestep));

/** Ten leaves of equal length. */
const model = (parameters: number) => ({ layers: Array.from({ length: 10 }, () => ({ shape: [parameters / 10] })) });

const megabytes = (bytes: number) => (bytes > LIMIT ? `**${Math.round(bytes / 1e6)}**` : `${Math.round(bytes / 1e6)}`);

const { Instance } = WebAssembly;
afterEach(() => {
  WebAssembly.Instance = Instance;
});

/** No memory is ever made: what would have been allocated throws this instead. */
function allocateNothing(): Error {
  const none = new RangeError("not in this test");
  WebAssembly.Instance = new Proxy(Instance, {
    construct() {
      throw none;
    },
  });
  return none;
}

describe("the table of updates", () => {
  const { headings, rows } = tableOf("update | planes");

  it("is there", () => {
    expect(headings.slice(2)).toEqual(["bytes a parameter", "while `save()` runs", "most parameters, M"]);
    expect(rows.length).toBeGreaterThan(5);
  });

  it.each(rows)("%s: %s planes, %s bytes a parameter, %s while it is saved", (code, planes, bytes, saving) => {
    const plan = updateOf(code!).plan(model(1e8));
    const aParameter = (all: number) => `${all / 1e8}`;
    expect([planes, bytes, saving]).toEqual([
      `${plan.planes.length}`,
      aParameter(plan.bytes),
      aParameter(plan.peaks.save),
    ]);
    expect(plan.peaks.init).toBe(plan.bytes);
  });

  it.each(rows)("%s: so many million parameters are let through, and no million more", (code, ...cells) => {
    const update = updateOf(code!);
    const most = Number(cells.at(-1)) * 1e6;
    const none = allocateNothing();
    const memory = { name: "RangeError", message: expect.stringContaining("no memory left"), cause: none };
    expect(() => update.initSync(model(most), { backend: "wasm" })).toThrow(expect.objectContaining(memory));
    for (const backend of BACKENDS) {
      expect(() => update.initSync(model(most + 1e6), { backend })).toThrow(
        /^the planes need 4\d{3}\.\d MB, more than/,
      );
    }
  });
});

describe("the table of models", () => {
  const { headings, rows } = tableOf("model | parameters, M");
  const updates = headings.slice(2).map(updateOf);

  it.each(rows)("%s, %s M parameters", (_name, parameters, ...cells) => {
    const tree = model(Math.round(Number(parameters) * 1e6));
    expect(cells).toEqual(updates.map((update) => megabytes(update.plan(tree).bytes)));
  });

  it("names a source of every count", () => {
    expect(rows.length).toBeGreaterThan(9);
    const sources = page.slice(page.indexOf("Parameter counts as published"));
    for (const [name] of rows) expect(sources).toContain(name!.match(/\[\d\]$/)![0]);
  });
});

describe("the table of frozen backbones", () => {
  const { headings, rows } = tableOf("model | frozen, M");
  const update = partition({ frozen: freeze(), trained: adam() }, { backbone: "frozen", head: "trained" });

  it("is there", () => expect([headings.length, rows.length]).toEqual([4, 5]));

  it.each(rows)("%s: %s M frozen, %s M trained", (_name, frozen, trained, planes) => {
    const [backbone, head] = [frozen, trained].map((millions) => ({ shape: [Math.round(Number(millions) * 1e6)] }));
    expect(planes).toBe(megabytes(update.plan({ backbone, head }).bytes));
  });

  it("a backbone outside of the optimizer leaves what the page says of the last row", () => {
    const trained = Math.round(Number(rows.at(-1)![2]) * 1e6);
    expect(page).toContain(`the last row is ${megabytes(adam().plan({ w: { shape: [trained] } }).bytes)} MB`);
  });
});

describe.each(BACKENDS)("past one memory on %s", (backend) => {
  it.each([
    ["one leaf that is longer than a memory", adam(), { w: { shape: [1_200_000_000] } }],
    ["leaves that are too much together", chain(clipByGlobalNorm(), adam()), model(300e6)],
    ["frozen leaves", freeze(), model(1100e6)],
    ["a scratch plane", lanestep.lamb(), { w: { shape: [220e6] } }],
  ])("%s: a RangeError with the plan's planes, and nothing is allocated", (_words, update, tree) => {
    const none = allocateNothing();
    const before = process.memoryUsage();
    let thrown: unknown = none;
    try {
      update.initSync(tree, { backend });
    } catch (error) {
      thrown = error;
    }
    const after = process.memoryUsage();
    expect(thrown).toBeInstanceOf(RangeError);
    const { planes } = update.plan(tree);
    const table = planes.map(({ name, bytes }) => `${name} ${(bytes / 1e6).toFixed(1)} MB`).join(", ");
    expect((thrown as Error).message).toMatch(
      /^the planes need \d+\.\d MB, more than the 4294\.9 MB of one WebAssembly/,
    );
    expect((thrown as Error).message.endsWith(`: ${table}`)).toBe(true);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(1e6);
    expect(after.rss - before.rss).toBeLessThan(100e6);
  });
});
