import { engine, type NamedTensorMap, Tensor, util, type Variable } from "@tensorflow/tfjs-core";
import { isPlainObject, show } from "../show.ts";
import type { NamedTensor } from "./weights.ts";

/** Variables that have a gradient, and these. @throws TypeError for what cannot be stepped */
export function readGradients(gradients: NamedTensorMap | readonly NamedTensor[]): {
  readonly variables: Variable[];
  readonly grads: Tensor[];
} {
  const variables: Variable[] = [];
  const grads: Tensor[] = [];
  for (const [name, grad] of entriesOf(gradients)) {
    if (grad === null || grad === undefined) continue;
    variables.push(variableOf(name, grad));
    grads.push(grad);
  }
  if (new Set(variables).size < variables.length) {
    throw new TypeError("applyGradients: a variable has several gradients: add them up");
  }
  return { variables, grads };
}

function entriesOf(gradients: unknown): (readonly [string, Tensor | null | undefined])[] {
  if (!Array.isArray(gradients)) {
    if (isPlainObject(gradients)) return Object.entries(gradients as NamedTensorMap);
    throw new TypeError(
      `applyGradients: its first argument is ${show(gradients)}, expected gradients by name, as the grads of computeGradients(f), or a list of { name, tensor }`,
    );
  }
  return gradients.map((one: NamedTensor | null, i) => {
    if (typeof one?.name === "string" && "tensor" in one) return [one.name, one.tensor];
    throw new TypeError(`applyGradients: the list has ${show(one)} at ${i}, expected { name, tensor }`);
  });
}

/** @throws TypeError for what cannot be stepped */
function variableOf(name: string, grad: Tensor): Variable {
  const variable = registered(name);
  const wrong = whatIsWrong(variable, grad);
  if (wrong) throw new TypeError(`applyGradients: ${show(name)} ${wrong}`);
  return variable!;
}

function registered(name: string): Variable | undefined {
  const all = engine().registeredVariables;
  return Object.hasOwn(all, name) ? all[name] : undefined;
}

function whatIsWrong(variable: Variable | undefined, grad: Tensor): string | null {
  if (!variable) return "is the name of no variable";
  if (!variable.trainable) return "is a variable that is not trainable, expected no gradient or null";
  if (variable.dtype !== "float32") return `is a variable of ${variable.dtype}, expected float32`;
  if (!(grad instanceof Tensor)) return `has ${show(grad)} as its gradient, expected a tensor or null`;
  if (grad.isDisposed) return "has a gradient that was disposed of";
  if (grad.dtype !== "float32") return `has a gradient of ${grad.dtype}, expected float32`;
  if (!util.arraysEqual(grad.shape, variable.shape)) {
    return `has a gradient of the shape [${grad.shape}], the variable has [${variable.shape}]`;
  }
  return null;
}

/** @throws TypeError for what cannot be given parameters */
export function requireVariables(list: readonly Variable[]): void {
  list.forEach((one, i) => {
    if (typeof one?.name !== "string" || registered(one.name) !== one) {
      const what = one?.isDisposed ? "a variable that was disposed of" : show(one);
      throw new TypeError(
        `load: variables[${i}] is ${what}, expected a tf.Variable: weight.read() of a layer's weight`,
      );
    }
    if (one.dtype !== "float32") throw new TypeError(`load: variables[${i}] is of ${one.dtype}, expected float32`);
  });
}
