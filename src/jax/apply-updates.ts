import { mapPytree, matchPytree, type Pytree, readPytree, requireOwned } from "./pytree.ts";

/**
 * Adds updates to parameters, on their device. Consumes both. Leaves are matched by their paths: jax-js's own `tree.map`
 * takes them in the order of their keys.
 *
 * `p ← p + u`
 *
 * @param params a pytree of float32 arrays
 * @param updates a pytree of the same form
 * @returns the new parameters
 * @throws TreeMismatchError for another form; TypeError for a leaf that is no float32 array; ReferenceError for one that
 *   was freed: nothing is consumed then
 *
 * @example
 * ```js
 * const params = { w: np.array([1, 2]), b: np.array([3]) };
 * const next = applyUpdates(params, { b: np.array([1]), w: np.array([0.5, 0.5]) });
 * next.w.js(); // => [1.5, 2.5]
 * ```
 */
export function applyUpdates<Params extends Pytree>(params: Params, updates: Params): Params {
  const leaves = readPytree(params, "params");
  const expected = Array.from(leaves.values(), ({ keys, array }) => ({ keys, array, shape: array.shape }));
  const given = readPytree(updates, "updates");
  const found = matchPytree(expected, given, "updates");
  requireOwned({ params: leaves, updates: given });
  let i = 0;
  return mapPytree(params, (array) => array.add(found[i++]!)) as Params;
}
