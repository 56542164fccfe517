// Whether a text is wanted: logistic regression on its words, each hashed to one of a fixed number of weights, so that the
// model has one size whatever words come. It owns no arrays: it reads the optimizer's parameters and writes its gradients.

import { adagrad } from "lanestep";

const BUCKETS = 1 << 14;

/** Each weight has a rate of its own, which falls as its word is met: a rare word counts when it comes. */
export const update = adagrad({ learningRate: 0.1 });

export const createParams = () => ({ words: { shape: [BUCKETS] }, bias: 0 });

export interface Views {
  readonly words: Float32Array;
  readonly bias: Float32Array;
}

/** CRC-32 stays what it is; `Bun.hash` by itself may change with Bun, and the weights would lose their words. */
const bucketsOf = (text: string) =>
  new Set((text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? []).map((word) => Bun.hash.crc32(word) % BUCKETS));

/** How likely the text is wanted. */
export function predict({ words, bias }: Views, text: string): number {
  const buckets = bucketsOf(text);
  let score = bias[0]!;
  for (const bucket of buckets) score += words[bucket]! / Math.sqrt(buckets.size);
  return 1 / (1 + Math.exp(-score));
}

/** The gradients of the cross-entropy of one text. */
export function writeGradients(params: Views, grads: Views, text: string, wanted: boolean): void {
  const error = predict(params, text) - Number(wanted);
  const buckets = bucketsOf(text);
  grads.bias[0] = error;
  grads.words.fill(0);
  for (const bucket of buckets) grads.words[bucket] = error / Math.sqrt(buckets.size);
}
