// The entry "lanestep/schedules": all schedules, those of "lanestep" among them.
//
// A schedule is a pure function of the step, which is the number of updates before this one: the first update sees
// step 0, here as in Optax, and as PyTorch's schedulers count their epochs. Options count in the same steps: what ends
// "after n steps" is met by the update that sees step n.

export * from "./axon.js";
export type { Interpolation } from "./curves.js";
export * from "./cycles.js";
export * from "./linear.js";
export * from "./piecewise.js";
export type { Schedule } from "./schedule.js";
export * from "./warmup.js";
