// TensorFlow.js trains with an update of lanestep: the entry `lanestep/tfjs`.

export { LanestepOptimizer, type LanestepOptions } from "./optimizer.ts";
