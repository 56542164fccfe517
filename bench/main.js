// @ts-check
// npm run bench [-- --quick] [-- --guard] [-- --peers]

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildAssemblyScript, buildNative } from "./build.js";
import { expectations, guardViolations } from "./expectations.js";
import { describeMachine, runPinned } from "./machine.js";
import { median } from "./measure.js";
import { expectationRow, header, size, sizeRow } from "./table.js";

/** @import { SizeResult } from "./table.js" */
/** @import { IdleResult, InitResult, GarbageResult, GroupsResult, TilesResult } from "./expectations.js" */
/** @import { Measurement } from "./measure.js" */

const HELP = `npm run bench [-- options]

Times Adam with decay and clipping against a hand-written AssemblyScript loop, native C and plain JavaScript, all
checked to compute the same values, in interleaved rounds. Prints medians in ns a parameter, and lanestep's time over
each peer's; writes bench/results/<date-time>.json.

  --quick   1 k, 256 k and 1 M parameters, fewer rounds
  --peers   the same step in TensorFlow.js, jax-js, PyTorch and Optax instead, as far as they are installed; with
            --quick 10 k parameters alone
  --guard   exit with 1 where a ratio is far from what it should be: a guard, not a measurement
  --help    this text`;

const { values: options } = parseArgs({
  options: {
    quick: { type: "boolean" },
    peers: { type: "boolean" },
    guard: { type: "boolean" },
    help: { type: "boolean" },
  },
});
if (options.help) {
  console.log(HELP);
  process.exit(0);
}
const exitCode = await runPinned();
if (exitCode !== null) process.exit(exitCode);

const K = 1 << 10;
const M = 1 << 20;
/** The size that runs as 300 leaves too. */
const LEAVES_SIZE = M;
const plan = options.quick
  ? { sizes: [K, 256 * K, M], rounds: 15, idleLength: 4 * K, processes: 5 }
  : { sizes: [K, 16 * K, 256 * K, M, 16 * M], rounds: 31, idleLength: 64 * K, processes: 11 };

/**
 * Runs a case in a fresh process: no case inherits another's heap, or what the compiler learnt from it.
 * @param {string} name
 * @param {(string | number)[]} args
 * @param {string[]} flags of the engine
 */
function runCase(name, args = [], flags = []) {
  const path = fileURLToPath(new URL(`cases/${name}.js`, import.meta.url));
  const child = spawnSync(process.execPath, [...flags, path, ...args.map(String)], {
    stdio: ["ignore", "pipe", "inherit"],
    encoding: "utf8",
  });
  if (child.status !== 0) {
    console.error(`\nbench/cases/${name}.js failed${child.signal ? ` (${child.signal})` : ""}`);
    process.exit(1);
  }
  return /** @type {unknown} */ (JSON.parse(child.stdout));
}

/**
 * @param {{ date: string }} results
 * @param {string} suffix
 */
function writeResults(results, suffix = "") {
  const folder = fileURLToPath(new URL("results/", import.meta.url));
  const file = `${results.date.slice(0, 19).replaceAll(":", "-")}${suffix}.json`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}${file}`, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`\nwritten to bench/results/${file}`);
}

if (!existsSync(fileURLToPath(import.meta.resolve("lanestep")))) {
  console.error("lanestep is not built: `npm run build` comes first");
  process.exit(1);
}
buildAssemblyScript();
const native = buildNative();
const machine = { ...describeMachine(), compiler: native.compiler };
console.log(`${machine.cpu}, ${machine.cores} cores, ${machine.os}, Node ${machine.node} (V8 ${machine.v8})`);
console.log(machine.pinnedTo === null ? "not pinned to a core: no taskset" : `pinned to core ${machine.pinnedTo}`);
console.log(native.compiler ? `native C: ${native.compiler}` : `NO NATIVE PEER: ${native.reason}`);

if (options.peers) {
  const { benchPeers } = await import("./peers.js");
  writeResults(benchPeers(machine, runCase, options.quick), "-peers");
  process.exit();
}

console.log("\nns a parameter; × lanestep's time over the peer's, below 1 lanestep is faster");
/** @type {SizeResult[]} */
const sizes = [];
for (const length of plan.sizes) {
  const leaves = length === LEAVES_SIZE ? ["leaves"] : [];
  const result = /** @type {SizeResult} */ (runCase("sizes", [length, plan.rounds, ...leaves]));
  if (sizes.length === 0) {
    console.log(`backend: ${result.backend.name}, ${result.backend.path}\n\nclipping and adamw\n${header}`);
  }
  console.log(sizeRow(result, "clipped"));
  sizes.push(result);
}
console.log(`\nadamw alone\n${header}`);
for (const result of sizes) console.log(sizeRow(result, "plain"));

const overhead = /** @type {Measurement[]} */ (runCase("overhead", [plan.rounds]));
console.log("\na step of 16 parameters, ns");
for (const { name, nanoseconds } of overhead) console.log(`${name.padEnd(52)}${nanoseconds.toFixed(0)}`);

const groups = /** @type {GroupsResult} */ (runCase("groups", [plan.rounds]));
console.log("\n300 leaves of a transformer, 1.2 M parameters, µs a step");
for (const { name, nanoseconds } of [...groups.masks, ...groups.gates]) {
  console.log(`${name.padEnd(52)}${(nanoseconds / 1e3).toFixed(0)}`);
}

const tiles = /** @type {TilesResult[]} */ (runCase("tiles", [plan.rounds]));
console.log("\nover tiles, where nothing compiles, and linked; ns a parameter");
for (const { name, length, measurements } of tiles) {
  const [linked, tiled] = measurements.map(({ nanoseconds }) => (nanoseconds / length).toFixed(2));
  console.log(`${`${name}, ${size(length)}`.padEnd(52)}${tiled}  ${linked}`);
}

const inits = Array.from({ length: plan.processes }, () => /** @type {InitResult} */ (runCase("init")));
const init = /** @type {InitResult} */ (
  Object.fromEntries(
    /** @type {(keyof InitResult)[]} */ (Object.keys(inits[0] ?? {})).map((key) => [
      key,
      median(inits.map((each) => each[key])),
    ]),
  )
);
console.log("\ninit of a small model, ms");
for (const [name, milliseconds] of Object.entries(init)) console.log(`${name.padEnd(52)}${milliseconds.toFixed(2)}`);

const idle = /** @type {IdleResult} */ (runCase("idle", [plan.idleLength, plan.rounds]));
console.log(`\nzero gradients for ever, ${plan.idleLength} parameters, ns a parameter`);
for (const { name, nanoseconds } of idle.measurements) {
  console.log(`${name.padEnd(52)}${(nanoseconds / idle.length).toFixed(2)}`);
}

const youngGeneration = ["--min-semi-space-size=256", "--max-semi-space-size=256"];
const garbage = /** @type {GarbageResult} */ (runCase("garbage", [], ["--expose-gc", ...youngGeneration]));
console.log(`\ngarbage of ${garbage.steps} steps, bytes`);
console.log(`${"allocated a step".padEnd(52)}${garbage.bytesAStep.toFixed(1)}`);
console.log(`${"kept after a collection".padEnd(52)}${garbage.kept}`);

const results = { date: new Date().toISOString(), machine, sizes, overhead, groups, tiles, init, idle, garbage };
console.log("");
for (const expectation of expectations(results)) console.log(expectationRow(expectation));

writeResults(results);

if (options.guard) {
  const violations = guardViolations(sizes);
  for (const violation of violations) console.error(`guard: ${violation}`);
  process.exitCode = violations.length > 0 ? 1 : 0;
}
