// @ts-check
// How likely a reader clicks on an item: logistic regression on the item's features, strings such as "topic:chess", each
// hashed to one of a fixed number of weights. A small model: it is one reader's alone.

const BUCKETS = 1 << 14;

/** @typedef {{ readonly weights: Float32Array, readonly bias: Float32Array }} Views */
/** @typedef {readonly string[]} Item */

export const createParams = () => ({ weights: { shape: [BUCKETS] }, bias: 0 });

/** FNV-1a. @param {string} feature */
function bucketOf(feature) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < feature.length; i++) hash = Math.imul(hash ^ feature.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % BUCKETS;
}

/** @param {Views} params @param {Item} item */
export function predict({ weights, bias }, item) {
  const score = item.reduce((sum, feature) => sum + weights[bucketOf(feature)], bias[0]);
  return 1 / (1 + Math.exp(-score));
}

/**
 * One step on the cross-entropy of what the reader did.
 * @param {{ params: Views, grads: Views, step(): boolean }} optimizer
 * @param {Item} item
 * @param {boolean} clicked
 */
export function learn(optimizer, item, clicked) {
  const { params, grads } = optimizer;
  const error = predict(params, item) - Number(clicked);
  grads.bias[0] = error;
  grads.weights.fill(0);
  for (const feature of item) grads.weights[bucketOf(feature)] += error;
  optimizer.step();
}
