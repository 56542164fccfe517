import type { Tensor } from "@tensorflow/tfjs-core";
import type { CarryReport } from "../optimizer/carry.ts";
import type { Stats } from "../optimizer/stats.ts";
import type { Told } from "../updates/rule.ts";
import type { Donated } from "./join.ts";

/**
 * Steps a set of variables: the way of tensors into an optimizer of lanestep and out of it. Variables go by their index in
 * the set.
 */
export interface Stepper {
  /** What became of what it went on from. */
  readonly carried: CarryReport | null;
  /** Whether the update leaves it alone: it takes no gradient then, and never changes. */
  isFrozen(index: number): boolean;
  /** Copies a value of a variable in. */
  setParam(index: number, value: Tensor): void;
  /** Copies a gradient in. */
  setGrad(index: number, grad: Tensor): void;
  /** @returns whether parameters changed */
  step(told: Told | undefined): boolean;
  /** Makes new tensors of parameters: later steps do not change them. */
  newParams(indices: readonly number[], take: (index: number, value: Tensor) => void): void;
  swapAverage(): void;
  stats(): Stats | Promise<Stats>;
  /** What it has, to be read as long as there is no step: for another one of the same TensorFlow.js backend to go on from. */
  donor(): Donated;
  /** What it has at this moment, for the host to read. */
  pull(): Donated | Promise<Donated>;
  dispose(): void;
}
