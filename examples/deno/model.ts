// Softmax regression by hand. It owns no arrays: it reads the optimizer's parameters and writes its gradients.

import { MEASURES, type Penguin, SPECIES } from "./penguins.ts";

export const createParams = () => ({
  kernel: { shape: [MEASURES.length, SPECIES.length] }, // zeros
  bias: { shape: [SPECIES.length] },
});

export interface Views {
  readonly kernel: Float32Array;
  readonly bias: Float32Array;
}

/** How likely the penguin is of each species. */
export function probabilities({ kernel, bias }: Views, { measures }: Penguin): number[] {
  const scores = Array.from(bias, (score, s) =>
    measures.reduce((sum, measure, m) => sum + measure * kernel[m * bias.length + s]!, score),
  );
  const max = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - max));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** The mean cross-entropy of a batch; its gradients go into `grads`. */
export function lossAndGradients(params: Views, grads: Views, batch: readonly Penguin[]): number {
  grads.kernel.fill(0);
  grads.bias.fill(0);
  let loss = 0;
  for (const penguin of batch) {
    const likely = probabilities(params, penguin);
    loss -= Math.log(Math.max(likely[penguin.species]!, 1e-30)) / batch.length;
    likely.forEach((probability, s) => {
      const error = (probability - (s === penguin.species ? 1 : 0)) / batch.length;
      grads.bias[s]! += error;
      penguin.measures.forEach((measure, m) => {
        grads.kernel[m * likely.length + s]! += error * measure;
      });
    });
  }
  return loss;
}
