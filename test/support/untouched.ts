// What "refused, and left as it was" means: parameters, gradients, state, the count and whose turn it is.

import { expect } from "vitest";
import { type Optimizer, StateError } from "../../src/index.ts";

export const BACKENDS = ["wasm", "reference"] as const;
export type Backend = (typeof BACKENDS)[number];

/** Asked with gradients that are none: which error comes tells whose turn it is, and neither changes anything. */
function turnOf(optimizer: Optimizer): "step" | "apply" {
  try {
    optimizer.step("no tree" as never);
  } catch (error) {
    return error instanceof StateError ? "apply" : "step";
  }
  throw new Error("step() took a string for gradients");
}

/** Every bit of a tree's leaves, in order. */
export function bitsIn(tree: unknown): number[] {
  if (tree instanceof Float32Array) return [...new Int32Array(tree.buffer, tree.byteOffset, tree.length)];
  return Object.values(tree as object).flatMap(bitsIn);
}

/** Everything an optimizer holds, to be compared with `toEqual`. */
export function everythingIn<T>(optimizer: Optimizer<T>) {
  const { counts, memories } = optimizer.internals.host;
  return {
    params: bitsIn(optimizer.params),
    grads: bitsIn(optimizer.grads),
    state: optimizer.snapshot("state"),
    count: optimizer.count,
    counts: [...counts],
    memories: structuredClone(memories),
    turn: turnOf(optimizer as Optimizer),
  };
}

type ErrorClass = new (message?: string) => Error;

/**
 * Asserts that an action throws an error of this very class, with this message or one that matches, and that the
 * optimizer is as it was.
 */
export function expectRefusal(
  optimizer: Optimizer,
  action: () => unknown,
  errorClass: ErrorClass,
  message: string | RegExp,
): void {
  const before = everythingIn(optimizer);
  expectError(action, errorClass, message);
  expect(everythingIn(optimizer)).toEqual(before);
}

/** As {@link expectRefusal}, where there is no optimizer. */
export function expectError(action: () => unknown, errorClass: ErrorClass, message: string | RegExp): void {
  let thrown: unknown = "nothing was thrown";
  try {
    action();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(errorClass);
  const { message: found } = thrown as Error;
  if (typeof message === "string") expect(found).toBe(message);
  else expect(found).toMatch(message);
}
