// @ts-check
// The pretrained network, layer by layer as it was, and one unit more: the language that it does not know.

import * as tf from "@tensorflow/tfjs-layers";
import { adamw, chain, clipByGlobalNorm } from "lanestep";
import { warmupCosine } from "lanestep/schedules";
import { BUCKETS } from "./pretrained.js";

const { add, concatenate, dense, softmax } = tf.layers;

/**
 * `before` answers with the probabilities of the languages that it knew, `after` with those of the new one too. They share
 * their layers: a linear one over the counts, and a perceptron over their mean embedding ("wide and deep"). The new unit
 * looks at the roots of the counts, so that what a text repeats a hundred times does not drown the rest.
 * @param {import("./pretrained.js").Pretrained["layers"]} layers
 */
export function createModels(layers) {
  const counts = tf.input({ shape: [BUCKETS], name: "counts" });
  const shares = tf.input({ shape: [BUCKETS], name: "shares" });
  const roots = tf.input({ shape: [BUCKETS], name: "roots" });
  /**
   * A frozen layer of the pretrained weights: TensorFlow.js asks for no gradient of it, and the optimizer never meets it.
   * @param {string} name @param {tf.SymbolicTensor} input @param {"relu" | "linear"} activation
   */
  const frozen = (name, input, activation = "linear") => {
    const [kernel, bias] = layers[name];
    const units = /** @type {number} */ (kernel.shape[1]);
    const layer = dense({ name, units, activation, useBias: bias !== undefined, trainable: false });
    const output = /** @type {tf.SymbolicTensor} */ (layer.apply(input));
    layer.setWeights(layers[name]);
    return output;
  };
  const hidden = frozen("hidden1", frozen("hidden0", frozen("embedding", shares), "relu"), "relu");
  const known = /** @type {tf.SymbolicTensor} */ (add().apply([frozen("deep", hidden), frozen("wide", counts)]));
  const unknown = /** @type {tf.SymbolicTensor} */ (
    dense({ name: "new", units: 1, kernelInitializer: "zeros" }).apply(roots)
  );
  const inputs = [counts, shares, roots];
  const answers = (/** @type {tf.SymbolicTensor} */ logits) =>
    /** @type {tf.SymbolicTensor} */ (softmax().apply(logits));
  const all = /** @type {tf.SymbolicTensor} */ (concatenate().apply([known, unknown]));
  return { before: tf.model({ inputs, outputs: answers(known) }), after: tf.model({ inputs, outputs: answers(all) }) };
}

/** @param {number} steps of the whole training */
export function createUpdate(steps) {
  const warmupSteps = Math.floor(steps / 10);
  const learningRate = warmupCosine({ initValue: 0.003, peakValue: 0.03, warmupSteps, decaySteps: steps });
  return chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate, decay: 0.01 }));
}
