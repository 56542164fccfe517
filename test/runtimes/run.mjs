// The built package in real engines: node test/runtimes/run.mjs [node] [deno] [bun] [workerd] [chromium], by default in
// all. One that is missing is a failure. They come with `npm ci --prefix test/runtimes`; Chromium is the system's.

import { fileURLToPath } from "node:url";
import { inBrowser } from "./browser.mjs";
import { inEngine } from "./engine.mjs";
import { inWorkerd } from "./workerd.mjs";

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * The checks of an engine, as they are done. The engines themselves: what npm links to may be a script that starts
 * another process, which would outlive a kill.
 * @type {Record<string, () => AsyncIterable<import("./engine.mjs").Check>>}
 */
const engines = {
  node: () => inEngine([process.execPath]),
  deno: () => inEngine([here("node_modules/deno/deno"), "run", "--quiet", "--no-config", "--no-lock", "--allow-all"]),
  bun: () => inEngine([here("node_modules/bun/bin/bun.exe")]),
  workerd: inWorkerd,
  chromium: inBrowser,
};

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(engines);
const unknown = names.filter((name) => !Object.hasOwn(engines, name));
if (unknown.length > 0) throw new Error(`no engine ${unknown}; there are ${Object.keys(engines)}`);

let [passed, failed] = [0, 0];
for (const name of names) {
  /** @type {import("./engine.mjs").Check[]} */
  const checks = [];
  try {
    for await (const check of /** @type {NonNullable<typeof engines[string]>} */ (engines[name])()) checks.push(check);
  } catch (error) {
    checks.push({ name: "runs to the end", error: String(error) });
  }
  const failures = checks.filter(({ error }) => error !== undefined);
  for (const { name: what, error } of failures) console.log(`${name}: ${what}: ${error}`);
  console.log(`${name}: ${checks.length - failures.length} of ${checks.length} checks`);
  passed += checks.length - failures.length;
  failed += failures.length;
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0 || passed === 0) process.exitCode = 1;
