// TensorFlow.js trains with an update of lanestep: the entry `lanestep/tfjs`.

export { LanestepOptimizer, type LanestepOptions, type LoadVariablesOptions } from "./optimizer.ts";
export { registerUpdate } from "./registry.ts";
export type { NamedTensor } from "./weights.ts";
