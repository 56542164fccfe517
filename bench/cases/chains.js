// @ts-check
// A chain of elementwise rules with state, over 256 k parameters: as the one loop that is linked for it; body by body over
// tiles, as where nothing may be compiled at run time; and each rule as a chain of its own, their steps summed up.
// Arguments: rules, rounds.

import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import * as lanestep from "lanestep";
import { stepsASample } from "../contest.js";
import { interleave, report } from "../measure.js";
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
async function start(some, path, options = {}) {
  const generator = new Generator();
  const params = { w: generator.fill(new Float32Array(LENGTH)) };
  const optimizer = await chain(...some, scale(-1e-3)).init(params, options);
  if (optimizer.backend.path !== path) throw new Error(`${optimizer.backend.path} runs, not ${path}`);
  generator.fill(optimizer.grads.w);
  return optimizer;
}

/** @param {Awaited<ReturnType<typeof start>>} optimizer @param {number} steps */
function time(optimizer, steps) {
  const begin = performance.now();
  for (let i = 0; i < steps; i++) optimizer.step();
  return (performance.now() - begin) * 1e6;
}

const ahead = { kernels: await compiled("kernels"), module: await compiled("warmed") };
const { Module, compile } = WebAssembly;
const refuse = () => {
  throw new WebAssembly.CompileError("nothing is compiled at run time");
};
// A loop that was linked once is kept, so tiles come first.
Object.assign(WebAssembly, { Module: new Proxy(Module, { construct: refuse }), compile: refuse });
const tiles = await start(rules, "tiles", ahead);
Object.assign(WebAssembly, { Module, compile });
const fused = await start(rules, "linked");
const singles = await Promise.all(rules.map((rule) => start([rule], "linked")));

time(fused, CHECKED_STEPS);
time(tiles, CHECKED_STEPS);
if (fused.params.w.some((value, i) => value !== tiles.params.w[i])) {
  throw new Error(`after ${CHECKED_STEPS} steps of ${rules.length} rules the linked loop and the tiles differ`);
}

report({
  length: LENGTH,
  rules: rules.length,
  rounds,
  measurements: await interleave(
    [
      { name: "one linked loop", run: async (steps) => time(fused, steps) },
      { name: "body by body over tiles", run: async (steps) => time(tiles, steps) },
      {
        name: "a step of each rule alone, summed",
        run: async (steps) => singles.reduce((sum, single) => sum + time(single, steps), 0),
      },
    ],
    { rounds, steps: stepsASample(LENGTH) },
  ),
});
