// @ts-check
// A chain of elementwise rules with state, over 256 k parameters: as the one loop that is linked for it; body by body over
// tiles, as where nothing may be compiled at run time; and each rule as a chain of its own, their steps summed up.
// Arguments: rules, rounds.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as lanestep from "lanestep";
import { compilingNothing, stepsASample } from "../contest.js";
import { interleave, report, timed } from "../measure.js";
import { Generator } from "../settings.js";

const LENGTH = 1 << 18;
const CHECKED_STEPS = 10;

const { chain, ema, scale, scaleByAdam, scaleByBelief, scaleByRms, scaleByRss, scaleByStddev, scaleByYogi, trace } =
  lanestep;
const all = [
  ema({ decay: 0.9 }),
  trace(),
  scaleByAdam(),
  scaleByRms(),
  scaleByYogi(),
  scaleByBelief(),
  scaleByStddev(),
  scaleByRss(),
];

const rules = all.slice(0, Number(process.argv[2]));
const rounds = Number(process.argv[3]);

const compiled = async (/** @type {string} */ name) =>
  WebAssembly.compile(await readFile(fileURLToPath(import.meta.resolve(`lanestep/${name}.wasm`))));

/**
 * @param {readonly lanestep.Update[]} some
 * @param {"linked" | "tiles"} path that it has to take
 * @param {lanestep.InitOptions} options
 */
function start(some, path, options = {}) {
  const generator = new Generator();
  const params = { w: generator.fill(new Float32Array(LENGTH)) };
  const optimizer = chain(...some, scale(-1e-3)).initSync(params, options);
  if (optimizer.backend.path !== path) throw new Error(`${optimizer.backend.path} runs, not ${path}`);
  generator.fill(optimizer.grads.w);
  return optimizer;
}

const ahead = { kernels: await compiled("kernels"), module: await compiled("warmed") };
// A loop that was linked once is kept, so tiles come first.
const tiles = compilingNothing(() => start(rules, "tiles", ahead));
const fused = start(rules, "linked");
const alone = rules.map((rule) => {
  const single = start([rule], "linked");
  return timed(() => single.step());
});

for (let i = 0; i < CHECKED_STEPS; i++) for (const optimizer of [fused, tiles]) optimizer.step();
if (fused.params.w.some((value, i) => value !== tiles.params.w[i])) {
  throw new Error(`after ${CHECKED_STEPS} steps of ${rules.length} rules the linked loop and the tiles differ`);
}

report({
  length: LENGTH,
  rules: rules.length,
  rounds,
  measurements: await interleave(
    [
      { name: "one linked loop", run: timed(() => fused.step()) },
      { name: "body by body over tiles", run: timed(() => tiles.step()) },
      {
        name: "a step of each rule alone, summed",
        async run(steps) {
          let sum = 0;
          for (const run of alone) sum += await run(steps);
          return sum;
        },
      },
    ],
    { rounds, steps: stepsASample(LENGTH) },
  ),
});
