import type { Tensor } from "@tensorflow/tfjs-core";
import type { Told } from "../updates/rule.ts";

/** Steps a set of variables: the way of tensors into an optimizer of lanestep and out of it. Variables go by their index. */
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
  dispose(): void;
}
