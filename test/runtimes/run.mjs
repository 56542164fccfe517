// @ts-check
// The packed library in real engines: npm run matrix [engine …], by default in all. Prints a table: where it ran, by which
// paths, whether its bits are those of all others, and how fast. An engine that is missing is a failure. They come with
// `npm ci --prefix test/runtimes`; of those that do not, the failure names the command that installs them.

import { readFile } from "node:fs/promises";
import { inBrowser } from "./browsers/page/checks.mjs";
import { browsers } from "./browsers/rows.mjs";
import { embeddedEngines } from "./embedded/engines.mjs";
import { wordsOf } from "./errors.mjs";
import { inExamples } from "./examples/examples.mjs";
import { inProject } from "./project.mjs";
import { scriptEngines } from "./scripts/engines.mjs";
import { workerdRows } from "./workers/rows.mjs";
import { inWorkerd } from "./workers/workerd.mjs";
import { inWrangler } from "./workers/wrangler.mjs";

/** @typedef {import("./project.mjs").Context} Context */
/** @typedef {import("./workload.mjs").Report} Report */
/** @typedef {import("./workload.mjs").Path} Path */
/**
 * A line of the table: where the workload ran, the paths that this place has, the one that `init` takes by itself first,
 * and the report; or why there is none.
 * @typedef {{ engine: string, version: string, where: string, paths: readonly Path[] } &
 *   (Report | { error: string })} Row
 */
/** @typedef {{ name: string, error?: string | undefined }} Check */
/** What an engine does: checks and rows, as they are done. @typedef {(context: Context) => AsyncIterable<Check | Row>} Adapter */

/** @type {Record<string, Adapter>} */
const engines = {
  ...scriptEngines,
  ...embeddedEngines,
  async *workerd(context) {
    yield* inWorkerd(context);
    yield* workerdRows(context);
    yield* inWrangler(context);
  },
  ...browsers,
  async *chromium(context) {
    yield* inBrowser();
    yield* browsers.chromium(context);
  },
  examples: inExamples,
};

/** The hashes of all that a backend computes: `node test/runtimes/run.mjs` prints what differs. */
const bits = JSON.parse(await readFile(new URL("bits.json", import.meta.url), "utf8"));
/** @param {Path} path */
const expected = (path) => bits[path === "reference" ? "reference" : "wasm"];

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(engines);
const unknown = names.filter((name) => !Object.hasOwn(engines, name));
if (unknown.length > 0) throw new Error(`no engine ${unknown}; there are ${Object.keys(engines).join(", ")}`);

/** What a row claims, one by one. @param {Row} row @returns {Check[]} */
function checksOf(row) {
  if ("error" in row) return [{ name: `${row.where}: the workload`, error: wordsOf(row.error) }];
  const { where, paths, backend, hashes, held, dropped } = row;
  /** @param {string} name @param {unknown} found @param {unknown} wanted */
  const check = (name, found, wanted) => {
    const error = found === wanted ? undefined : `is ${found}, expected ${wanted}`;
    return { name: `${where}: ${name}`, error };
  };
  const found = /** @type {Path[]} */ (Object.keys(hashes));
  return [
    check("the path that is taken by itself", backend.path, paths[0]),
    ...[...new Set([...paths, ...found])].map((path) => {
      if (!paths.includes(path)) return { name: `${where}: ${path}`, error: "is not a path of this place" };
      return check(`${path}: 100 steps of all optimizers`, hashes[path] ?? "none", expected(path));
    }),
    check("optimizers held, and right", held, 1000),
    check("optimizers dropped, and right", dropped, 10_000),
  ];
}

/** A line for each row; paths in the order of the row, behind them their hash, or one for each where they differ. */
function tableOf(/** @type {readonly Row[]} */ rows) {
  const lines = [["engine", "version", "where", "paths", "hash", "ns a parameter"]];
  for (const row of rows) {
    const { engine, version, where, paths } = row;
    if ("error" in row) {
      lines.push([engine, version, where, paths.join(", "), "failed", ""]);
      continue;
    }
    const { hashes, nsPerParameter } = row;
    const taken = paths.filter((path) => hashes[path]);
    const shown = [...new Set(taken.map((path) => hashes[path] ?? ""))].map((hash) => {
      const isCommon = taken.some((path) => hash === expected(path));
      return `${hash.slice(0, 12)} ${isCommon ? "common" : "OTHER"}`;
    });
    lines.push([engine, version, where, taken.join(", "), shown.join(", "), nsPerParameter.toFixed(2)]);
  }
  const widths = (lines[0] ?? []).map((_, column) => Math.max(...lines.map((line) => (line[column] ?? "").length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** @type {Row[]} */
const rows = [];
let [passed, failed] = [0, 0];
await inProject(async (context) => {
  for (const name of names) {
    /** @type {Check[]} */
    const checks = [];
    try {
      for await (const result of /** @type {Adapter} */ (engines[name])(context)) {
        if ("where" in result) {
          rows.push(result);
          checks.push(...checksOf(result));
        } else {
          checks.push(result);
        }
      }
    } catch (error) {
      checks.push({ name: "runs to the end", error: String(error) });
    }
    const failures = checks.filter(({ error }) => error !== undefined);
    for (const { name: what, error } of failures) console.log(`${name}: ${what}: ${error}`);
    console.log(`${name}: ${checks.length - failures.length} of ${checks.length} checks`);
    passed += checks.length - failures.length;
    failed += failures.length;
    if (checks.length === 0) failed += 1; // an engine that says nothing
  }
});
console.log(`\n${tableOf(rows)}\n`);
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0 || passed === 0) process.exitCode = 1;
