// @ts-check
// npm run bench: the step over sizes against peers written here, and what it costs besides.

/** @import { SizeResult } from "./table.js" */
/** @import { IdleResult, InitResult, GarbageResult, GroupsResult, TenantsResult, TilesResult } from "./expectations.js" */
/** @import { Measurement } from "./measure.js" */

import { expectations, guardViolations } from "./expectations.js";
import { median } from "./measure.js";
import { runCase, writeResults } from "./run-case.js";
import { expectationRow, header, size, sizeRow } from "./table.js";

const K = 1 << 10;
const M = 1 << 20;
/** The size that runs as 300 leaves too. */
const LEAVES_SIZE = M;

/**
 * @param {object} machine
 * @param {{ quick?: boolean | undefined, guard?: boolean | undefined }} options
 * @returns {boolean} whether no ratio is far from what it should be, if that is asked
 */
export function core(machine, { quick, guard }) {
  const plan = quick
    ? { sizes: [K, 256 * K, M], rounds: 15, idleLength: 4 * K, processes: 5 }
    : { sizes: [K, 16 * K, 256 * K, M, 16 * M], rounds: 31, idleLength: 64 * K, processes: 11 };

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
  const garbage = /** @type {GarbageResult} */ (
    runCase("garbage", [], [process.execPath, "--expose-gc", ...youngGeneration])
  );
  console.log(`\ngarbage of ${garbage.steps} steps, bytes`);
  console.log(`${"allocated a step".padEnd(52)}${garbage.bytesAStep.toFixed(1)}`);
  console.log(`${"kept after a collection".padEnd(52)}${garbage.kept}`);

  const tenants = /** @type {TenantsResult} */ (runCase("tenants", [], [process.execPath, "--expose-gc"]));
  console.log(`\n${tenants.tenants} optimizers of 200 parameters, held`);
  console.log(`${"to make one, µs".padEnd(52)}${tenants.microseconds.toFixed(0)}`);
  console.log(
    `${"its planes, and what it takes on the heap, bytes".padEnd(52)}${tenants.planes} ${tenants.heap.toFixed(0)}`,
  );
  for (const { length, beside } of tenants.memories) {
    console.log(`${`a memory beside its planes, ${size(length)}, bytes`.padEnd(52)}${beside}`);
  }

  const results = {
    date: new Date().toISOString(),
    machine,
    sizes,
    overhead,
    groups,
    tiles,
    init,
    idle,
    garbage,
    tenants,
  };
  console.log("");
  for (const expectation of expectations(results)) console.log(expectationRow(expectation));
  console.log(`\nwritten to ${writeResults(results)}`);

  const violations = guard ? guardViolations(sizes) : [];
  for (const violation of violations) console.error(`guard: ${violation}`);
  return violations.length === 0;
}
