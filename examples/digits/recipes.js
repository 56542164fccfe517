// @ts-check
// The optimizers, with rates that suit this task. Runs in a browser too.

import {
  adabelief,
  adadelta,
  adagrad,
  adam,
  adamax,
  adamw,
  lamb,
  lion,
  noisySgd,
  partition,
  radam,
  rmsprop,
  sgd,
  yogi,
} from "lanestep";

/** @typedef {import("lanestep").Schedule} Schedule */
/** @typedef {import("lanestep").Update} Update */
/** @typedef {{ rate: number, create: (learningRate: Schedule, seed: number) => Update }} Recipe */

/** What the norm of all gradients is clipped to. */
export const MAX_NORM = 1;

const DECAY = 0.01;

/**
 * One update for the kernels, which are matrices, another for the biases: those want no weight decay.
 *
 * @param {Update} matrices
 * @param {Update} others
 */
const byShape = (matrices, others) =>
  partition({ matrices, others }, (_path, { shape }) => (shape.length > 1 ? "matrices" : "others"));

/** Every optimizer of the library, with the peak of its learning rate. @type {Readonly<Record<string, Recipe>>} */
export const RECIPES = {
  adabelief: { rate: 0.003, create: (learningRate) => adabelief({ learningRate }) },
  adadelta: { rate: 1, create: (learningRate) => adadelta({ learningRate }) },
  adagrad: { rate: 0.3, create: (learningRate) => adagrad({ learningRate }) },
  adam: { rate: 0.003, create: (learningRate) => adam({ learningRate }) },
  adamax: { rate: 0.003, create: (learningRate) => adamax({ learningRate }) },
  adamw: {
    rate: 0.003,
    create: (learningRate) => byShape(adamw({ learningRate, decay: DECAY }), adamw({ learningRate })),
  },
  lamb: {
    rate: 0.01,
    create: (learningRate) => byShape(lamb({ learningRate, decay: DECAY }), lamb({ learningRate })),
  },
  lion: {
    rate: 0.002,
    create: (learningRate) => byShape(lion({ learningRate, decay: DECAY }), lion({ learningRate })),
  },
  // Clipped to a norm of 1, a gradient's elements are about 0.003: noise of the default eta, 0.01, would drown them.
  noisySgd: { rate: 1, create: (learningRate, seed) => noisySgd({ learningRate, eta: 1e-4, seed }) },
  radam: { rate: 0.01, create: (learningRate) => radam({ learningRate }) },
  rmsprop: { rate: 0.003, create: (learningRate) => rmsprop({ learningRate }) },
  sgd: { rate: 0.1, create: (learningRate) => sgd({ learningRate, momentum: 0.9 }) },
  yogi: { rate: 0.01, create: (learningRate) => yogi({ learningRate }) },
};
