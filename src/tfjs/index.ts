// TensorFlow.js trains with an update of lanestep: the entry `lanestep/tfjs`.

import { Optimizer } from "@tensorflow/tfjs-core";

/** An optimizer of TensorFlow.js. */
export abstract class LanestepOptimizer extends Optimizer {}
