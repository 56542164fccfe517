// @ts-check
// The chain, for the worker and for `npx lanestep bake` alike.

import { addDecayedWeights, chain, scaleByLearningRate, scaleByRss } from "lanestep";

/** Adagrad: each weight has a rate of its own, which falls as its feature is met. And what is met no more fades. */
export default chain(
  scaleByRss({ initialAccumulatorValue: 0.1 }),
  addDecayedWeights({ decay: 1e-3 }),
  scaleByLearningRate({ learningRate: 0.1 }),
);
