import type { Tensor } from "@tensorflow/tfjs-core";
import type { Optimizer } from "../optimizer/optimizer.ts";
import type { Stats } from "../optimizer/stats.ts";
import type { Told } from "../updates/rule.ts";

/**
 * Steps a set of variables: the way of tensors into an optimizer of lanestep and out of it. Variables go by their index in
 * the set.
 */
export interface Stepper {
  /** Whether the update leaves it alone: it takes no gradient then, and never changes. */
  isFrozen(index: number): boolean;
  /** Copies a value of a variable in. */
  setParam(index: number, value: Tensor): void;
  /** Copies a gradient in. */
  setGrad(index: number, grad: Tensor): void;
  /** @returns whether parameters changed */
  step(told: Told | undefined): boolean;
  /** A parameter as a new tensor, which later steps do not change. */
  newParam(index: number): Tensor;
  swapAverage(): void;
  stats(): Stats | Promise<Stats>;
  /** What it has in the host's memory, to be read. */
  host(): Optimizer;
  dispose(): void;
}
