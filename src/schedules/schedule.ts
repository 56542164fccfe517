/** A function of the step, which is the number of updates before this one: the first update sees 0. */
export type Schedule = (step: number) => number;
