// @ts-check
// The webgpu backend on devices in software, SwiftShader, which Debian's chromium brings with a loader: the tests in Node
// (Dawn), then their checks in Deno (wgpu) and Chromium, then the example and the adapters there. `npm run test:webgpu
// chromium`: that alone; other arguments are Vitest's: which of its tests. What is missing is a failure. Another device:
// VK_DRIVER_FILES, empty for those of the system.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** @typedef {import("../runtimes/run.mjs").Check} Check */

/** Failures of an engine: where one does not start, it has run none of some hundred checks. */
const SHOWN = 10;

const root = fileURLToPath(new URL("../..", import.meta.url));
const CHROMIUM = "/usr/lib/chromium";
const SWIFTSHADER = join(CHROMIUM, "vk_swiftshader_icd.json");

process.env.VK_DRIVER_FILES ??= SWIFTSHADER;
process.env.LD_LIBRARY_PATH ??= CHROMIUM;
if (process.env.VK_DRIVER_FILES === SWIFTSHADER && !existsSync(SWIFTSHADER)) {
  console.error(`there is no ${SWIFTSHADER}: apt-get install chromium`);
  console.log("0 passed, 1 failed");
  process.exit(1);
}

/** The tests of Vitest, by its own report. @param {readonly string[]} args */
function inNode(args) {
  const report = join(root, "build/webgpu/vitest.json");
  rmSync(report, { force: true });
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  const given = ["run", "--config", "test/webgpu/vitest.config.ts", ...reporters, ...args];
  const { status } = spawnSync(process.execPath, [vitest, ...given], { cwd: root, stdio: "inherit" });
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const { numPassedTests, numFailedTests, numTotalTests } = JSON.parse(readFileSync(report, "utf8"));
  // Those that did not run, and errors outside of tests, of which the status tells.
  const others = args.length === 0 ? numTotalTests - numPassedTests - numFailedTests : 0;
  return { passed: numPassedTests, failed: Math.max(numFailedTests + others, status === 0 ? 0 : 1) };
}

/** @param {string} name @param {AsyncIterable<Check>} checks */
async function count(name, checks) {
  let [passed, failed] = [0, 0];
  try {
    for await (const { name: what, error } of checks) {
      if (error === undefined) passed += 1;
      else failed += 1;
      if (error !== undefined && failed <= SHOWN) console.log(`${name}: ${what}: ${error}`);
    }
    if (passed + failed === 0) throw new Error("says nothing");
  } catch (error) {
    failed += 1;
    console.log(`${name}: runs to the end: ${error}`);
  }
  if (failed > SHOWN) console.log(`${name}: and ${failed - SHOWN} other failures`);
  console.log(`${name}: ${passed} of ${passed + failed} checks`);
  return { passed, failed };
}

/** @type {Record<string, () => Promise<AsyncIterable<Check>>>} */
const engines = {
  deno: async () => (await import("./engines.mjs")).inDeno(),
  chromium: async () => (await import("./engines.mjs")).inChromium(),
  example: async () => (await import("./example.mjs")).inExample(),
  jax: async () => (await import("./jax.mjs")).withJax(),
  tfjs: async () => (await import("../tfjs/browser/run.mjs")).inTensorFlow(),
};

const args = process.argv.slice(2);
const isEngines = args.length > 0 && args.every((name) => Object.hasOwn(engines, name));
const counts = isEngines ? [] : [inNode(args)];
for (const [name, checks] of Object.entries(engines)) {
  if (isEngines ? args.includes(name) : args.length === 0) counts.push(await count(name, await checks()));
}
const sum = (/** @type {"passed" | "failed"} */ which) => counts.reduce((total, each) => total + each[which], 0);
console.log(`${sum("passed")} passed, ${sum("failed")} failed`);
if (sum("failed") > 0 || sum("passed") === 0) process.exitCode = 1;
