// docs/coming-from.md against other libraries (test/fixtures/coming-from/facts.json, measured by facts.mjs beside it) and
// against this one.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Optimizer, Schedule, Update } from "../src/index.ts";
import * as lanestep from "../src/index.ts";
import facts from "./fixtures/coming-from/facts.json" with { type: "json" };
import { type Row, readTables } from "./fixtures/coming-from/tables.mjs";
import { examplesIn, exported } from "./support/examples.ts";

type Values = Readonly<Record<string, readonly number[]>>;

interface Run {
  readonly params?: readonly Values[];
  readonly average?: readonly Values[];
  readonly values?: readonly number[];
  readonly kind?: string;
}

interface Facts {
  readonly version: string;
  readonly optimizers: readonly string[];
  readonly defaults: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly runs: Readonly<Record<string, Run>>;
  readonly names: Readonly<Record<string, boolean>>;
  readonly firstStep?: number;
}

const page = readFileSync("docs/coming-from.md", "utf8");
const tables = readTables(page);
const libraries = facts.libraries as unknown as Readonly<Record<string, Facts>>;

const evaluate = (expression: string): unknown =>
  new Function(...Object.keys(exported), `return ${expression};`)(...Object.values(exported));

const tree = (values: Values) =>
  Object.fromEntries(
    Object.entries(values).map(([name, data]) => [name, { data, shape: facts.shapes[name as "w" | "m"] }]),
  );

const flat = ({ w, m }: Readonly<Record<string, ArrayLike<number>>>) => [...Array.from(w!), ...Array.from(m!)];

/** Where an update goes, at the steps that facts hold: its parameters, or their average. */
function stepsOf(update: Update, isAverage: boolean): number[][] {
  const optimizer = update.initSync(tree(facts.params)) as Optimizer<Record<string, Float32Array>>;
  const steps = facts.grads.map((grads) => {
    optimizer.step(tree(grads) as never);
    if (isAverage) optimizer.swapAverage();
    const params = flat(optimizer.params);
    if (isAverage) optimizer.swapAverage();
    return params;
  });
  optimizer.dispose();
  return facts.kept.map((step) => steps[step]!);
}

const start = flat(facts.params);
/** The largest gradient that each element meets. */
const largest = start.map((_, i) => Math.max(...facts.grads.map((grads) => Math.abs(flat(grads)[i]!))));

/**
 * How far two runs are apart: the largest difference of an element relative to how far it went, less what float32 rounds
 * off a parameter.
 */
function apart(found: readonly number[][], expected: readonly Values[], least: number): number {
  let worst = 0;
  for (const [step, values] of expected.entries()) {
    for (const [i, value] of flat(values).entries()) {
      if (largest[i]! < least) continue;
      const went = Math.max(...expected.slice(0, step + 1).map((other) => Math.abs(flat(other)[i]! - start[i]!)));
      const rounded = Math.abs(start[i]!) * 1e-6;
      const difference = Math.max(0, Math.abs(found[step]![i]! - value) - rounded);
      worst = Math.max(worst, difference === 0 ? 0 : difference / went);
    }
  }
  return worst;
}

const SAME = 1e-4;
const NEAR = { tolerance: 2e-2, least: 1e-4 };

function hold(row: Row, run: Run): void {
  const [code] = row.here;
  if (run.values) {
    const schedule = evaluate(code!) as Schedule;
    for (const [step, value] of run.values.entries()) expect(schedule(step)).toBeCloseTo(value, 7);
    return;
  }
  const own = evaluate(code!) as Update;
  // What is no optimizer there stands before or behind one of rate 1.
  const sgd = lanestep.sgd({ learningRate: 1 });
  const update =
    run.kind === "clip" ? lanestep.chain(own, sgd) : run.kind === "average" ? lanestep.chain(sgd, own) : own;
  const expected = (run.average ?? run.params)!;
  const found = stepsOf(update, run.average !== undefined);
  const exact = apart(found, expected, 0);
  if (row.claim === "") {
    expect(exact).toBeLessThan(SAME);
    return;
  }
  expect(exact).toBeGreaterThan(SAME); // a row that says less than is true is wrong too
  const near = expect(apart(found, expected, NEAR.least));
  if (row.claim === "≈") near.toBeLessThan(NEAR.tolerance);
  else near.toBeGreaterThan(NEAR.tolerance);
}

/** The default of an option, in the rules that a call without options makes. */
function defaultOf(name: string, option: string): unknown {
  const { rules } = (exported[name] as () => Update)();
  const rule = rules.find(({ options }) => Object.hasOwn(options, option));
  return rule ? (rule.options as Readonly<Record<string, unknown>>)[option] : null;
}

/** "`theirs` 1e-2 in words → `ours` 1e-3 in words", several after one another. */
function differencesIn(cell: string) {
  return cell
    .split("; ")
    .filter((part) => part.includes(" → "))
    .map((part) => {
      const match = part.match(/^(?:`(\w+)` (\S+)[^→]*|—) → `(\w+)` (\S+)/);
      if (!match) throw new Error(`is not read: ${part}`);
      return { theirs: match[1], there: match[2], ours: match[3]!, here: match[4]! };
    });
}

/** The decays of moments, which no row has as a difference: eight signs of Lion are the same with many a b1. */
const DECAYS: Readonly<Record<string, readonly string[]>> = {
  betas: ["b1", "b2"],
  ...Object.fromEntries(["b1", "beta1", "beta_1"].map((theirs) => [theirs, ["b1"]])),
  ...Object.fromEntries(["b2", "beta2", "beta_2"].map((theirs) => [theirs, ["b2"]])),
};

const numberOf = (text: string): unknown => (text === "null" ? null : Number(text));

for (const [library, { version, optimizers, defaults, runs, names, firstStep }] of Object.entries(libraries)) {
  const own = tables.filter((table) => table.library === library);
  const held = own.filter((table) => table.runs).flatMap(({ head, rows }) => rows.map((row) => ({ head, row })));
  const present = held.filter(({ row }) => row.here.length > 0);

  describe(`from ${library} ${version}`, () => {
    it.each(present.map(({ row }) => [row.theirs[0]!, row.claim || "=", row.here[0]!, row] as const))(
      "%s %s %s",
      (code, _claim, _here, row) => hold(row, runs[code]!),
    );

    const withDefaults = present.filter(({ head }) => head[2] === "default there → here");
    it.each(withDefaults.map(({ row }) => [row.theirs[0]!, row] as const))("%s: defaults", (code, row) => {
      const theirs = code.replace(/\(.*/, "");
      const ours = row.here[0]!.match(/^(\w+)\(/)![1]!;
      const options = row.here[0]!.match(/^\w+\((.*)\)$/)![1]!;
      const given = evaluate(`(${options || "{}"})`) as Record<string, unknown>;
      const differences = differencesIn(row.rest);
      expect(differences.map((difference) => difference.ours).sort()).toEqual(Object.keys(given).sort());
      for (const { theirs: option, there, ours: name, here } of differences) {
        expect(defaultOf(ours, name), `the default of ${name} here`).toBe(numberOf(here));
        if (option === undefined || there === "without") continue;
        expect(defaults[theirs]![option], `the default of ${option} there`).toBe(numberOf(there!));
        expect(typeof given[name] === "function" || row.claim === "≈" || given[name] === numberOf(there!)).toBe(true);
      }
      for (const [option, value] of Object.entries(defaults[theirs]!)) {
        for (const [i, name] of (DECAYS[option] ?? []).entries()) {
          expect(defaultOf(ours, name), `the default of ${name} here`).toBe([value].flat()[i]);
        }
      }
    });

    it("every optimizer has a row, what is not here is not here", () => {
      const rows = held.filter(({ head }) => head[2] === "default there → here").map(({ row }) => row);
      const named = rows.flatMap(({ theirs }) => theirs.map((code) => code.replace(/\(.*/, "")));
      const wrappers = own.filter((table) => !table.runs).flatMap(({ rows }) => rows.flatMap(({ theirs }) => theirs));
      expect([...new Set(named)].sort()).toEqual(optimizers.filter((name) => !wrappers.includes(name)).sort());
      const missing = rows.filter(({ here }) => here.length === 0).flatMap(({ theirs }) => theirs);
      const here = Object.keys(exported).map((name) => name.toLowerCase());
      expect(missing.filter((name) => here.includes(name.replaceAll("_", "").toLowerCase()))).toEqual([]);
    });

    it("names are names, there and here", () => {
      for (const { rows, runs } of own) {
        if (runs) continue;
        for (const { theirs, here } of rows) {
          for (const name of theirs) expect([name, names[name]]).toEqual([name, true]);
          for (const name of here) expect([name, isHere(name)]).toEqual([name, true]);
        }
      }
    });

    it("counts steps as the page says", () => {
      const cells = page
        .match(/^\| the first update sees step \|(.*)\|$/m)![1]!
        .split("|")
        .map((cell) => cell.trim());
      const heads = page
        .match(/^\| \| (PyTorch .*)\|$/m)![1]!
        .split("|")
        .map((cell) => cell.trim());
      expect(cells[heads.indexOf(library)]).toBe(firstStep === undefined ? "no schedules" : String(firstStep));
    });
  });
}

const someOptimizer = lanestep.sgd().initSync({ w: 1 });

/** A public name, or a member of an optimizer or an update. */
function isHere(name: string): boolean {
  const [first, member] = name.split(".");
  if (member === undefined) return Object.hasOwn(exported, first!);
  return member in (first === "optimizer" ? someOptimizer : lanestep.sgd());
}

it("names the versions that were measured", () => {
  const { PyTorch, Optax, Keras, "TensorFlow.js": tensorflow } = libraries;
  const said = `PyTorch ${PyTorch!.version}, Optax ${Optax!.version}, Keras ${Keras!.version} and TensorFlow.js ${tensorflow!.version}`;
  expect(page).toContain(said);
});

it("has code that test/documentation.test.ts runs", () =>
  expect(examplesIn("docs/coming-from.md").length).toBeGreaterThan(0));
