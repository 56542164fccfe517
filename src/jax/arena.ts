// An optimizer of lanestep that has met a pytree: what both forms of the adapter share.

import type { Device, Array as JaxArray } from "@jax-js/jax";
import type { InitOptions } from "../backends/choose.ts";
import type { Optimizer } from "../optimizer/optimizer.ts";
import { isFrozen } from "../optimizer/views.ts";
import { buildTree, type LayoutLeaf } from "../tree/layout.ts";
import type { ShapedLeaf } from "../tree/leaf.ts";
import type { Update } from "../update.ts";
import {
  type Leaves,
  makeArray,
  mapPytree,
  matchPytree,
  type Pytree,
  placeOf,
  readPytree,
  requireOwned,
  type Values,
} from "./pytree.ts";

/** Parameters that were read, and not yet consumed. */
export interface ReadParams {
  readonly params: Pytree;
  readonly leaves: Leaves;
}

/** @throws TypeError, ReferenceError */
export function readParams(params: Pytree): ReadParams {
  const leaves = readPytree(params, "params");
  requireOwned({ params: leaves });
  return { params, leaves };
}

export const arraysOf = (leaves: Leaves): JaxArray[] => Array.from(leaves.values(), ({ array }) => array);

/** Gradients, or parameters, that fit; by leaf of the layout what is to be read of them. */
export interface Matched {
  readonly leaves: Leaves;
  readonly arrays: readonly (JaxArray | undefined)[];
}

/** An optimizer and where its leaves' arrays belong. */
export class Arena {
  readonly inner: Optimizer;
  readonly #devices: readonly Device[];

  constructor(inner: Optimizer, devices: readonly Device[]) {
    this.inner = inner;
    this.#devices = devices;
  }

  /** @param values those of the leaves, in their order */
  static start(update: Update, { params, leaves }: ReadParams, values: Values, options: InitOptions): Arena {
    const arrays = arraysOf(leaves);
    const data = new Map(arrays.map((array, i) => [array, values[i]!]));
    const plain = mapPytree(params, (array): ShapedLeaf => ({ data: data.get(array)!, shape: array.shape }));
    if ((options as { backend?: unknown } | null)?.backend === "webgpu") {
      throw new TypeError('backend is "webgpu", expected "wasm" or "reference": jax-js makes no array of a GPUBuffer');
    }
    const inner = update.initSync(plain, options) as Optimizer;
    const { layout } = inner.internals.program;
    return new Arena(
      inner,
      layout.leaves.map(({ keys }) => leaves.get(placeOf(keys))!.array.device),
    );
  }

  /** Another that goes on where this one stands. */
  fork(update: Update, options: InitOptions): Arena {
    const { program, views } = this.inner.internals;
    const { leaves, skeleton } = program.layout;
    const params = views.leaves("params");
    const plain = buildTree(skeleton, (i): ShapedLeaf => ({ data: params[i]!, shape: leaves[i]!.shape }));
    const inner = update.initSync(plain, { ...options, from: this.inner }) as Optimizer;
    return new Arena(inner, this.#devices);
  }

  /**
   * Compares gradients with the parameters; those of frozen leaves may be absent, and are not read.
   *
   * @throws TreeMismatchError, TypeError
   */
  matchGrads(grads: unknown): Matched {
    const { program } = this.inner.internals;
    const { leaves: expected } = program.layout;
    const leaves = readPytree(grads, "grads", true);
    const arrays = matchPytree(expected, leaves, "grads", (leaf) => isFrozen(program, leaf));
    return { leaves, arrays: arrays.map((array, i) => (isFrozen(program, expected[i]!) ? undefined : array)) };
  }

  /** @throws TreeMismatchError, TypeError */
  matchParams(params: unknown): Matched {
    const leaves = readPytree(params, "params");
    return { leaves, arrays: matchPytree(this.inner.internals.program.layout.leaves, leaves, "params") };
  }

  writeParams(values: Values): void {
    const views = this.inner.internals.views.leaves("params");
    values.forEach((data, i) => {
      if (data) views[i]!.set(data);
    });
  }

  /** Values by leaf as the plain tree that a step takes. */
  plain(values: Values): never {
    return buildTree(this.inner.internals.program.layout.skeleton, (i) => values[i]) as never;
  }

  /** A pytree of the parameters' form; `arrayAt` gives the array of a leaf. */
  pytree(arrayAt: (leaf: LayoutLeaf, device: Device) => JaxArray): Pytree {
    const { leaves, skeleton } = this.inner.internals.program.layout;
    return buildTree(skeleton, (i) => arrayAt(leaves[i]!, this.#devices[i]!)) as Pytree;
  }

  /** A plane in fresh arrays. */
  copy(plane: "params" | "grads"): Pytree {
    const views = this.inner.internals.views.leaves(plane);
    return this.pytree((leaf, device) => makeArray(views[leaf.index]!, leaf, device));
  }
}
