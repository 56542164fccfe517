// @ts-check
import { chain, scale, stateful } from "../../src/index.ts";

/** Adadelta as TensorFlow.js has it: what it divides by does not hold this step's gradient yet. */
export function lateAdadelta({ learningRate = 0.001, rho = 0.95, eps = 1e-7 }) {
  const rule = stateful(
    (/** @type {any} */ params) => ({ g: map(params, () => 0), d: map(params, () => 0) }),
    (/** @type {any} */ updates, /** @type {any} */ { g, d }) => {
      const y = map(updates, (x, i, at) => (Math.sqrt(at(d)[i] + eps) / Math.sqrt(at(g)[i] + eps)) * x);
      const mean = (/** @type {any} */ old, /** @type {any} */ tree) =>
        map(old, (x, i, at) => rho * x + (1 - rho) * at(tree)[i] ** 2);
      return [y, { g: mean(g, updates), d: mean(d, y) }];
    },
  );
  return chain(rule, scale(-learningRate));
}

/**
 * A tree with other numbers.
 *
 * @param {any} tree
 * @param {(x: number, i: number, at: (other: any) => Float32Array) => number} fn its `at` finds the leaf of another tree
 * @param {readonly string[]} path
 * @returns {any}
 */
function map(tree, fn, path = []) {
  const at = (/** @type {any} */ other) => path.reduce((node, key) => node[key], other);
  if (tree instanceof Float32Array) return tree.map((x, i) => fn(x, i, at));
  return Object.fromEntries(Object.entries(tree).map(([key, child]) => [key, map(child, fn, [...path, key])]));
}
