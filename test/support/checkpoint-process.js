// Run by test/checkpoint.test.ts in processes of their own, on the built package: the first saves optimizers on their way
// and goes on with others to the end, the second restores them and goes on too. Both print what optimizers hold.
//
//   node checkpoint-process.js begin|go-on folder

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as lanestep from "../../dist/index.js";
import { chainsOf, heldBy, numbers, params, run } from "./checkpoint-chains.js";

const [mode, folder] = process.argv.slice(2);
const BACKENDS = ["wasm", "reference"];
const END = 100;

/** What models grow by at these steps, where they do: later leaves are of two ages. */
const GROWTH = [
  [10, () => ({ later: { w: numbers(7, 20), b: 1 } })],
  [31, () => ({ later: { w: numbers(7, 20), b: 1, c: numbers(3, 21) }, last: [numbers(2, 22)] })],
];

const grownBy = (times, tree) => Object.assign({}, tree, ...GROWTH.slice(0, times).map(([, more]) => more()));

const withLeaves = (example, times) => ({ ...example, gradients: (step) => grownBy(times, example.gradients(step)) });

const results = {};
Object.entries(chainsOf(lanestep)).forEach(([name, example], nth) => {
  for (const backend of BACKENDS) {
    for (const times of [0, GROWTH.length]) {
      const fileOf = (step, on = backend) => join(folder, `${nth} ${on} ${times} ${step}.safetensors`);
      const work =
        mode === "begin" ? begin(example, backend, times, fileOf) : goOn(withLeaves(example, times), backend, fileOf);
      results[`${name}, ${backend}${times ? ", grown" : ""}`] = work.catch((error) => ({ error: error.stack }));
    }
  }
});
const settled = await Promise.all(Object.entries(results).map(async ([key, result]) => [key, await result]));
console.log(JSON.stringify(Object.fromEntries(settled)));

/** Saves at some steps; a second optimizer never stops. */
async function begin(example, backend, times, fileOf) {
  const [straight, stopped] = [example.make(), example.make()].map(({ update, before }) => {
    let optimizer = update.initSync(params(), { backend });
    let from = 0;
    GROWTH.slice(0, times).forEach(([step], i) => {
      run(optimizer, withLeaves(example, i), before, from, step);
      optimizer = update.initSync(grownBy(i + 1, params()), { from: optimizer, backend });
      from = step;
    });
    const go = (to) => {
      run(optimizer, withLeaves(example, times), before, from, to);
      from = to;
      return optimizer;
    };
    return go;
  });
  const halves = {};
  for (const at of example.at) {
    writeFileSync(fileOf(at), stopped(at).save());
    halves[at] = heldBy(straight(at));
    if (heldBy(stopped(at)) !== halves[at]) throw new Error("two runs of one process differ");
  }
  return { halves, end: heldBy(straight(END)), stats: statsOf(straight(END)) };
}

/** From each file: by restore and by load, and with the parameters alone of the other backend. */
async function goOn(example, backend, fileOf) {
  const [halves, ends] = [{}, {}];
  let stats = "";
  for (const at of example.at) {
    const file = readFileSync(fileOf(at));
    const { update, before } = example.make();
    const optimizer = await update.restore(file, undefined, { backend });
    halves[at] = heldBy(optimizer);
    run(optimizer, example, before, at, END);
    ends[at] = heldBy(optimizer);
    stats = statsOf(optimizer);
    await optimizer.load(file);
    halves[`${at}, loaded`] = heldBy(optimizer);
    run(optimizer, example, before, at, END);
    ends[`${at}, loaded`] = heldBy(optimizer);
    const other = example.make();
    const on = BACKENDS.find((name) => name !== backend);
    const crossed = await other.update.restore(readFileSync(fileOf(at, on)), undefined, { backend });
    halves[`${at}, ${on}`] = heldBy(crossed);
    run(crossed, example, other.before, at, END);
    if (crossed.backend.name !== backend || crossed.count !== optimizer.count) throw new Error(`${on} does not go on`);
  }
  return { halves, ends, stats };
}

/** What the last step was like, numbers as text. */
function statsOf(optimizer) {
  return JSON.stringify(optimizer.stats(), (_key, value) => (typeof value === "number" ? String(value) : value));
}
