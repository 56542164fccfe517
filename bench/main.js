// @ts-check
// npm run bench [-- --quick] [-- --guard] [-- --rules | --peers | --curves | --engines]

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { buildAssemblyScript, buildNative } from "./build.js";
import { core } from "./core.js";
import { curves } from "./curves.js";
import { engines } from "./engines.js";
import { describeMachine, runPinned } from "./machine.js";
import { peers } from "./peers.js";
import { rules } from "./rules.js";

const HELP = `npm run bench [-- options]

Times Adam with decay and clipping against a hand-written AssemblyScript loop, native C and plain JavaScript, all
checked to compute the same values, in interleaved rounds. Prints medians in ns a parameter, and lanestep's time over
each peer's; writes bench/results/<date-time>.json.

  --quick   fewer sizes, fewer rounds
  --guard   exit with 1 where a ratio is far from what it should be: a guard, not a measurement
  --help    this text

One of these instead:

  --rules   every rule and every named optimizer, against native C of the same and what bounds both;
            --only <part of a name>, once or more often, picks some
  --peers   the same step in TensorFlow.js, jax-js, PyTorch and Optax, as far as they are installed, and lanestep's
            adapters in the first two, in Node and in Chromium; --only as above
  --curves  scaling curves over parameters, leaves, rules in a chain, and memory
  --engines the core of it on Node, Deno and Bun; they come with \`npm ci --prefix test/runtimes\``;

const flags = /** @type {const} */ ({
  quick: { type: "boolean" },
  guard: { type: "boolean" },
  rules: { type: "boolean" },
  only: { type: "string", multiple: true },
  peers: { type: "boolean" },
  curves: { type: "boolean" },
  engines: { type: "boolean" },
  help: { type: "boolean" },
});

function readArguments() {
  try {
    return parseArgs({ options: flags }).values;
  } catch (error) {
    console.error(`${/** @type {Error} */ (error).message}\n\n${HELP}`);
    process.exit(1);
  }
}

const options = readArguments();
if (options.help) {
  console.log(HELP);
  process.exit(0);
}
const exitCode = await runPinned();
if (exitCode !== null) process.exit(exitCode);

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

const [run = core] = [
  ...(options.rules ? [rules] : []),
  ...(options.peers ? [peers] : []),
  ...(options.curves ? [curves] : []),
  ...(options.engines ? [engines] : []),
];
process.exitCode = (await run(machine, options)) ? 0 : 1;
