// What a worker does that gives the library no modules: its chains, and what some steps of them come to. Run by Node too.

import {
  adamw,
  chain,
  clip,
  clipByGlobalNorm,
  functional,
  partition,
  scale,
  scaleByAdam,
  skipNonFinite,
  trace,
} from "lanestep";
import { warmupCosine } from "lanestep/schedules";

const learningRate = warmupCosine({ peakValue: 0.1, warmupSteps: 3, decaySteps: 9 });

const chains = {
  usual: chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate, decay: 0.01 })),
  unusual: skipNonFinite(chain(trace(), clip(), scaleByAdam(), scale(-0.1))),
  own: partition({ w: chain(trace(), scaleByAdam(), clip(), scale(-0.1)), b: adamw() }, { w: "w", b: "b" }),
};

const params = () => ({ w: { shape: [300, 50] }, b: Float32Array.of(1, 2, 3) });
const bits = (/** @type {Float32Array} */ leaf) => Array.from(new Uint32Array(leaf.slice().buffer));

/** Given to `npx lanestep bake --export own`. */
export const { own } = chains;

/**
 * Made while the program starts: an engine that refuses to compile may allow it then.
 * @param {keyof typeof chains} name
 * @param {Pick<import("lanestep").InitOptions, "kernels" | "module">} [options]
 */
export const start = (name, options) => chains[name].initSync(params(), options);

/**
 * Steps, an update by hand, a checkpoint, one that is loaded, the functional form.
 * @param {keyof typeof chains} name
 * @param {ReturnType<typeof start>} first
 * @param {Parameters<typeof start>[1]} [options]
 */
export async function run(name, first, options = {}) {
  const write = (/** @type {typeof first} */ { grads: { w, b } }, /** @type {number} */ step) => {
    for (let i = 0; i < w.length; i++) w[i] = (((i * 31 + step * 17) % 211) - 105) / 97;
    b.set([1, name === "unusual" && step === 3 ? Number.NaN : -2, step]);
  };
  for (let step = 0; step < 5; step++) {
    write(first, step);
    first.step();
  }
  const restored = await chains[name].restore(first.save(), params(), options);
  write(restored, 5);
  restored.update();
  restored.apply();
  const loaded = await chains[name].init(params(), options);
  await loaded.load(restored.save());
  write(loaded, 6);
  loaded.step();
  const { init, update } = functional(chains[name], options);
  const plain = { w: Float32Array.of(1, 2), b: Float32Array.of(3) };
  const [updates] = update(plain, await init(plain), plain);
  return {
    paths: [first, restored, loaded].map(({ backend }) => backend.path),
    bits: [...[first, restored, loaded].map(({ params }) => params), updates].map(({ w, b }) => [bits(w), bits(b)]),
  };
}
