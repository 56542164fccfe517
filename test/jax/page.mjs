// @ts-check
// For page.html, served from the root of the repository: lanestep/jax on devices of jax-js that only browsers have.

import * as jax from "@jax-js/jax";

const { numpy: np, tree } = jax;
const STEPS = 20;
const SHAPES = { kernel: [33, 7], bias: [7], scale: [], nothing: [0] };

/**
 * Steps on a device against lanestep alone, on the same numbers.
 *
 * @param {typeof import("../../src/index.ts")} lanestep
 * @param {typeof import("../../src/jax/index.ts")} adapter
 * @param {jax.Device} device
 * @param {boolean} canBlock whether `dataSync()` works there
 * @returns {Promise<Record<string, number>>} by what was done, the largest difference
 */
export async function deviations({ adamw, chain, clipByGlobalNorm }, adapter, device, canBlock) {
  const started = await jax.init(device);
  if (!started.includes(device)) throw new Error(`jax-js did not start ${device}`);
  jax.defaultDevice(device);
  const update = chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate: 0.01, decay: 0.1 }));

  let seed = 1;
  const next = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 31 - 1;
  };
  const random = () =>
    Object.fromEntries(
      Object.entries(SHAPES).map(([name, shape]) => {
        const length = shape.reduce((size, axis) => size * axis, 1);
        return [name, { data: Float32Array.from({ length }, next), shape }];
      }),
    );
  /** @param {ReturnType<typeof random>} plain @returns {Record<string, jax.Array>} */
  const arrays = (plain) =>
    Object.fromEntries(
      Object.entries(plain).map(([name, { data, shape }]) => [
        name,
        data.length > 0 ? np.array(data, { shape }) : np.zeros(shape),
      ]),
    );
  const [params, gradients] = [random(), Array.from({ length: STEPS }, random)];
  const alone = update.initSync(params);
  for (const grads of gradients) alone.step(grads);

  /** @param {Record<string, jax.Array>} found which it consumes */
  const worst = async (found) => {
    let difference = 0;
    for (const [name, array] of Object.entries(found)) {
      if (array.device !== device) return Number.POSITIVE_INFINITY;
      const wanted = alone.params[name];
      (await array.data()).forEach((x, i) => {
        difference = Math.max(difference, Math.abs(x - wanted[i]));
      });
    }
    return difference;
  };

  const optimizer = await adapter.JaxOptimizer.init(update, arrays(params));
  let trained = arrays(params);
  for (const grads of gradients) {
    tree.dispose(trained);
    trained = await optimizer.stepAsync(arrays(grads));
  }

  const solver = adapter.gradientTransformation(update);
  let model = arrays(params);
  let state = await solver.initAsync(tree.ref(model));
  for (const grads of gradients) {
    const [updates, after] = await solver.updateAsync(arrays(grads), state, tree.ref(model));
    model = adapter.applyUpdates(model, updates);
    state = after;
  }

  const found = {
    "in place, stepAsync": await worst(trained),
    "a pair of functions": await worst(model),
  };
  if (!canBlock) return found;

  const blocking = adapter.JaxOptimizer.initSync(update, arrays(params));
  let blocked = arrays(params);
  for (const grads of gradients) {
    tree.dispose(blocked);
    blocked = blocking.step(arrays(grads));
  }
  return { ...found, "in place, step": await worst(blocked) };
}
