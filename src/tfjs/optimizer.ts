import {
  dispose,
  engine,
  type NamedTensorMap,
  Optimizer,
  type Scalar,
  type serialization,
  type Tensor,
  type Variable,
} from "@tensorflow/tfjs-core";
import { DisposedError } from "../errors.ts";
import { show } from "../show.ts";
import { requireUpdate, type Update } from "../update.ts";
import type { Told } from "../updates/rule.ts";
import { HostStepper } from "./host.ts";
import { keysOf, treeOf } from "./names.ts";
import { VariableSet } from "./variable-set.ts";

/** As TensorFlow.js has it, without a name to import it by. */
export interface NamedTensor {
  name: string;
  tensor: Tensor;
}

/** Options of {@link LanestepOptimizer}. */
export interface LanestepOptions {
  /** `wasm` or `reference`; without it `wasm` where the engine has WebAssembly SIMD. */
  readonly backend?: "wasm" | "reference" | undefined;
}

/** An optimizer of TensorFlow.js whose steps are an update of lanestep. */
export class LanestepOptimizer extends Optimizer {
  /** @nocollapse */
  static readonly className: string = "LanestepOptimizer";
  readonly update: Update;
  readonly #options: LanestepOptions;
  readonly #wantsValue: boolean;
  /** The set of the last step first; null after `dispose()`. */
  #sets: VariableSet[] | null = [];

  constructor(update: Update, options: LanestepOptions = {}) {
    super();
    requireUpdate(update, "LanestepOptimizer: its first argument");
    this.update = update;
    this.#options = options;
    this.#wantsValue = update.rules.some(({ rule }) => rule.name === "reduceOnPlateau");
  }

  /** As that of `tf.Optimizer`; rules that want the loss are told it. */
  override minimize(f: () => Scalar, returnCost = false, varList?: Variable[]): Scalar | null {
    const { value, grads } = this.computeGradients(f, varList);
    try {
      this.applyGradients(grads, this.#wantsValue ? { value: value.dataSync()[0]! } : undefined);
    } catch (error) {
      value.dispose();
      throw error;
    } finally {
      dispose(grads);
    }
    if (returnCost) return value;
    value.dispose();
    return null;
  }

  /**
   * One step of the variables that have a gradient; all others stay as they are.
   *
   * @param gradients by name of the variable; null for none
   * @param told `value`: the loss, for `reduceOnPlateau`
   */
  applyGradients(gradients: NamedTensorMap | NamedTensor[], told?: Told): void {
    if (!this.#sets) throw new DisposedError("this optimizer was disposed of");
    const given: [string, Tensor | null | undefined][] = Array.isArray(gradients)
      ? gradients.map(({ name, tensor }) => [name, tensor])
      : Object.entries(gradients);
    const variables: Variable[] = [];
    const grads: Tensor[] = [];
    for (const [name, grad] of given) {
      if (grad === null || grad === undefined) continue;
      variables.push(variableOf(name, grad));
      grads.push(grad);
    }
    if (variables.length > 0) this.#setOf(variables).step(grads, told);
    this.incrementIterations();
  }

  override dispose(): void {
    for (const { stepper } of this.#sets ?? []) stepper.dispose();
    this.#sets = null;
    super.dispose();
  }

  getConfig(): serialization.ConfigDict {
    return {};
  }

  #setOf(variables: readonly Variable[]): VariableSet {
    const sets = this.#sets!;
    let set = sets.find((own) => own.isOf(variables));
    if (set === sets[0] && set) return set;
    if (set) {
      sets.splice(sets.indexOf(set), 1);
    } else {
      const keys = keysOf(variables.map(({ name }) => name));
      const tree = treeOf(keys, (i) => ({ data: variables[i]!.dataSync(), shape: variables[i]!.shape }));
      const stepper = new HostStepper(
        this.update.initSync(tree, this.#options),
        keys,
        variables.map(({ shape }) => shape),
      );
      set = new VariableSet(variables, stepper);
    }
    sets.unshift(set);
    return set;
  }
}

function variableOf(name: string, grad: Tensor): Variable {
  const variable = engine().registeredVariables[name];
  const refuse = (what: string) => new TypeError(`applyGradients: ${show(name)} ${what}`);
  if (!variable) throw refuse("is the name of no variable");
  if (variable.dtype !== "float32") throw refuse(`is a variable of ${variable.dtype}, expected float32`);
  if (grad.isDisposed) throw refuse("has a gradient that was disposed of");
  if (grad.shape.join() !== variable.shape.join()) {
    throw refuse(`has a gradient of the shape [${grad.shape}], the variable has [${variable.shape}]`);
  }
  return variable;
}
