// A chain with all that cuts it into loops, and what comes of some steps: run by Node, and by workerd with its loops baked.

import {
  accumulate,
  adamw,
  averageParams,
  chain,
  clipByGlobalNorm,
  freeze,
  lamb,
  lookahead,
  masked,
  partition,
  radam,
  skipNonFinite,
  trace,
} from "lanestep";

const updates = {
  matrices: accumulate(lookahead(radam({ b2: 0.5, threshold: 4 })), { every: 2 }),
  vectors: chain(lamb(), averageParams()),
  kept: freeze(),
};
const groups = partition(updates, (path, { shape }) =>
  path.startsWith("kept") ? "kept" : shape.length > 1 ? "matrices" : "vectors",
);

const update = skipNonFinite(
  chain(
    masked(trace({ decay: 0.5 }), (path) => path !== "b"),
    clipByGlobalNorm(),
    groups,
  ),
);
export default update;

/** Given to `npx lanestep bake --export other`. */
export const other = adamw();

const params = () => ({ w: { shape: [40, 30] }, b: Float32Array.of(1, 2, 3), kept: Float32Array.of(4) });

/** @param {{ w: Float32Array, b: Float32Array }} grads @param {number} step */
function write({ w, b }, step) {
  for (let i = 0; i < w.length; i++) w[i] = (((i * 31 + step * 17) % 211) - 105) / 97;
  b.set([1, step === 3 ? Number.NaN : -2, step]);
}

/**
 * Steps, one of them skipped, a checkpoint, an update by hand.
 * @param {import("lanestep").InitOptions} options
 */
export async function run(options) {
  const first = await update.init(params(), { ...options, stats: true });
  for (let step = 0; step < 6; step++) {
    write(first.grads, step);
    first.step();
  }
  const second = await update.restore(first.save(), params(), options);
  for (let step = 6; step < 9; step++) {
    write(second.grads, step);
    second.update();
    second.apply();
  }
  const bits = [first, second].map(({ params: { w, b, kept } }) =>
    [w, b, kept].map((leaf) => Array.from(new Uint32Array(leaf.slice().buffer))),
  );
  return { path: second.backend.path, count: second.count, norm: first.stats().updateNorm, bits };
}
