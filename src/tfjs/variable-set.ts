import type { Tensor, Variable } from "@tensorflow/tfjs-core";
import { NonFiniteError } from "../errors.ts";
import type { Told } from "../updates/rule.ts";
import { keyOf, type Path } from "./names.ts";
import type { Stepper } from "./stepper.ts";

/** Variables that are stepped together, by one optimizer of lanestep. */
export class VariableSet {
  readonly stepper: Stepper;
  readonly variables: readonly Variable[];
  /** By path: the variables that no other set has taken over since. */
  readonly left: Map<string, Path>;
  readonly #indices: ReadonlyMap<Variable, number>;
  readonly #keys: readonly string[];
  /** Of each variable: what it held when it was last read or written here. */
  readonly #known: (object | null)[];

  constructor(variables: readonly Variable[], paths: readonly Path[], stepper: Stepper) {
    this.stepper = stepper;
    this.variables = variables;
    this.left = new Map(paths.map((path) => [keyOf(path), path]));
    this.#indices = new Map(variables.map((variable, i) => [variable, i]));
    this.#keys = paths.map(keyOf);
    this.#known = variables.map(() => null);
  }

  /** The variables that it still has. */
  get own(): readonly Variable[] {
    return this.variables.filter((_, i) => this.left.has(this.#keys[i]!));
  }

  /** Whether it is of these variables, and has them all. */
  isOf(variables: readonly Variable[]): boolean {
    return (
      this.left.size === variables.length &&
      this.#indices.size === variables.length &&
      variables.every((variable) => this.#indices.has(variable))
    );
  }

  /** One step of all variables. */
  step(variables: readonly Variable[], grads: readonly Tensor[], told: Told | undefined): void {
    const { stepper } = this;
    this.read();
    for (let i = 0; i < variables.length; i++) {
      const index = this.#indices.get(variables[i]!)!;
      if (!stepper.isFrozen(index)) stepper.setGrad(index, grads[i]!);
    }
    try {
      if (stepper.step(told)) this.write();
    } catch (error) {
      // Groups that were not skipped have stepped.
      if (error instanceof NonFiniteError) this.write();
      throw error;
    }
  }

  swapAverage(): void {
    this.read();
    this.stepper.swapAverage();
    this.write();
  }

  /** Takes the values of variables that someone else assigned to: variables are the truth. */
  read(): void {
    this.variables.forEach((variable, i) => {
      if (variable.dataId === this.#known[i] || this.stepper.isFrozen(i) || !this.#isHere(i)) return;
      this.stepper.setParam(i, variable);
      this.#known[i] = variable.dataId;
    });
  }

  /** Gives the variables the values of the parameters; those that are frozen have them, unless they were loaded. */
  write(frozenToo = false): void {
    const wanted = [...this.variables.keys()].filter(
      (i) => (frozenToo || !this.stepper.isFrozen(i)) && this.#isHere(i),
    );
    this.stepper.newParams(wanted, (i, value) => {
      const variable = this.variables[i]!;
      // A new tensor, though the variable may be the only one to hold the old: kernels of the backend wasm keep what they
      // have made of weights, by the identity of these.
      variable.assign(value);
      value.dispose();
      this.#known[i] = variable.dataId;
    });
  }

  /** Whether a variable is there to be read and written: it may be disposed of, and its state kept. */
  #isHere(index: number): boolean {
    return this.left.has(this.#keys[index]!) && !this.variables[index]!.isDisposed;
  }
}
