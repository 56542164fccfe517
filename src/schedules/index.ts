// The entry "lanestep/schedules": all schedules, those of "lanestep" among them.
//
// A schedule is a pure function of the step, which is the number of updates before this one: the first update sees
// step 0, here as in Optax, and as PyTorch's schedulers count their epochs. Options count in the same steps: what ends
// "after n steps" is met by the update that sees step n.

export * from "./axon.ts";
export type { Interpolation } from "./curves.ts";
export * from "./cycles.ts";
export * from "./linear.ts";
export * from "./piecewise.ts";
export type { Schedule } from "./schedule.ts";
export * from "./warmup.ts";
