import type { Tensor, Variable } from "@tensorflow/tfjs-core";
import type { Told } from "../updates/rule.ts";
import type { Stepper } from "./stepper.ts";

/** Variables that are stepped together. */
export class VariableSet {
  readonly names: readonly string[];
  readonly stepper: Stepper;
  #variables: readonly Variable[];
  /** Of each variable: what it held when it was last read or written here. */
  readonly #known: (object | null)[];

  constructor(variables: readonly Variable[], stepper: Stepper) {
    this.#variables = variables;
    this.names = variables.map(({ name }) => name);
    this.stepper = stepper;
    this.#known = variables.map(() => null);
  }

  /** Whether it is of these variables, in this order. */
  isOf(variables: readonly Variable[]): boolean {
    const own = this.#variables;
    return own.length === variables.length && own.every((variable, i) => variable === variables[i]);
  }

  step(grads: readonly Tensor[], told: Told | undefined): void {
    const { stepper } = this;
    this.#variables.forEach((variable, i) => {
      if (stepper.isFrozen(i)) return;
      // Assigned by someone else: variables are the truth.
      if (variable.dataId !== this.#known[i]) {
        stepper.setParam(i, variable);
        this.#known[i] = variable.dataId;
      }
      stepper.setGrad(i, grads[i]!);
    });
    if (stepper.step(told)) this.write();
  }

  /** Gives the variables the values that the parameters have. */
  write(): void {
    this.#variables.forEach((variable, i) => {
      if (this.stepper.isFrozen(i)) return;
      // A new tensor, though the variable may be the only one to hold the old: kernels of the backend wasm keep what they
      // made of weights by the identity of these.
      const value = this.stepper.newParam(i);
      variable.assign(value);
      value.dispose();
      this.#known[i] = variable.dataId;
    });
  }
}
