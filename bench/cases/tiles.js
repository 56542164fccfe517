// @ts-check
// The same steps by linked loops and over tiles, as an engine runs chains that it neither compiles nor was given whole.
// Argument: rounds.

import { readFileSync } from "node:fs";
import { adam, adamw, chain, clipByGlobalNorm } from "lanestep";
import { compilingNothing } from "../contest.js";
import { interleave, report, timed } from "../measure.js";
import { ADAM, Generator, MAX_NORM } from "../settings.js";

/** From the build, as the package does not export them. */
const { link } = await import(new URL("../../build/js/link/link.js", import.meta.url).href);
const { stamp } = await import(new URL("../../build/js/link/stamp.js", import.meta.url).href);
const { warmedSignatures } = await import(new URL("../../build/js/warmed.js", import.meta.url).href);

const SIZES = [1 << 14, 1 << 20];
const CHECKED_STEPS = 3;
const PARAMETERS_A_SAMPLE = 1 << 22;

const rounds = Number(process.argv[2]);

const { decay, ...plain } = ADAM;
const updates = {
  "clipping and adamw": chain(clipByGlobalNorm({ maxNorm: MAX_NORM }), adamw({ ...plain, decay })),
  adam: adam(plain),
};

/** lanestep/warmed.wasm without the loops of these very chains: with those they would run as fast as linked here. */
const own = Object.values(updates).flatMap((update) => update.plan({ w: { shape: [1] } }).loops);
const others = /** @type {string[]} */ (warmedSignatures()).filter(
  (name) => !own.includes(name.replace("store", "apply")),
);
const ahead = {
  kernels: new WebAssembly.Module(readFileSync(new URL(import.meta.resolve("lanestep/kernels.wasm")))),
  module: new WebAssembly.Module(stamp(link(others), "module")),
};

/**
 * @param {keyof typeof updates} name
 * @param {number} length
 * @param {"linked" | "tiles"} path
 */
function start(name, length, path) {
  const generator = new Generator();
  const optimizer = updates[name].initSync(
    { w: generator.fill(new Float32Array(length)) },
    path === "tiles" ? ahead : {},
  );
  if (optimizer.backend.path !== path) {
    console.error(`${name} of ${length} parameters runs on the path ${optimizer.backend.path}, not ${path}`);
    process.exit(1);
  }
  generator.fill(optimizer.grads.w);
  return { name: path, optimizer, run: timed(() => optimizer.step()) };
}

/** @param {"linked" | "tiles"} path */
const startAll = (path) =>
  SIZES.flatMap((length) =>
    /** @type {(keyof typeof updates)[]} */ (Object.keys(updates)).map((name) => ({
      name,
      length,
      contender: start(name, length, path),
    })),
  );

// Tiles come first: a loop that was once compiled would be found again.
const tiles = compilingNothing(() => startAll("tiles"));
const linked = startAll("linked");

const results = [];
for (const [i, { name, length, contender }] of tiles.entries()) {
  const pair = [/** @type {typeof tiles[number]} */ (linked[i]).contender, contender];
  for (const { run } of pair) await run(CHECKED_STEPS);
  const [a, b] = pair.map(({ optimizer }) => new Uint32Array(optimizer.params.w.slice().buffer));
  if (!a?.every((bits, at) => bits === b?.[at])) {
    console.error(`${name} of ${length} parameters: tiles do not compute the bits of the linked loops`);
    process.exit(1);
  }
  const steps = Math.max(1, PARAMETERS_A_SAMPLE / length);
  results.push({ name, length, measurements: await interleave(pair, { rounds, steps }) });
}
report(results);
