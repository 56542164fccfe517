import { backend, engine, type Tensor } from "@tensorflow/tfjs-core";
import type { CarryReport } from "../optimizer/carry.ts";
import type { Optimizer } from "../optimizer/optimizer.ts";
import type { Stats } from "../optimizer/stats.ts";
import type { Told } from "../updates/rule.ts";
import { childAt, type Path } from "./names.ts";
import type { Stepper } from "./stepper.ts";

/** What the backend wasm has: a tensor where it stands in its memory. */
interface Heap {
  typedArrayFromHeap?(tensor: Tensor): Float32Array;
}

/** Steps in lanestep's memory, with numbers that TensorFlow.js shows to the host: on webgl and webgpu it reads them back. */
export class HostStepper implements Stepper {
  readonly #optimizer: Optimizer;
  readonly #shapes: readonly (readonly number[])[];
  readonly #params: readonly Float32Array[];
  readonly #grads: readonly (Float32Array | undefined)[];

  /** @param paths of the variables in the tree of parameters */
  constructor(optimizer: Optimizer, paths: readonly Path[], shapes: readonly (readonly number[])[]) {
    this.#optimizer = optimizer;
    this.#shapes = shapes;
    this.#params = paths.map((path) => childAt(optimizer.params, path) as Float32Array);
    this.#grads = paths.map((path) => childAt(optimizer.grads, path) as Float32Array | undefined);
  }

  get carried(): CarryReport | null {
    return this.#optimizer.carried;
  }

  isFrozen(index: number): boolean {
    return this.#grads[index] === undefined;
  }

  setParam(index: number, value: Tensor): void {
    copyInto(this.#params[index]!, value);
  }

  setGrad(index: number, grad: Tensor): void {
    copyInto(this.#grads[index]!, grad);
  }

  step(told: Told | undefined): boolean {
    return told === undefined ? this.#optimizer.step() : this.#optimizer.step(this.#optimizer.grads, told);
  }

  newParams(indices: readonly number[], take: (index: number, value: Tensor) => void): void {
    // The backend wasm copies at once; others keep the array that they are given, which must not change any more.
    const copies = (backend() as Heap).typedArrayFromHeap !== undefined;
    for (const i of indices) {
      const view = this.#params[i]!;
      // Not tensor(), which takes half as long again: it looks for what an array's shape and type may be.
      take(i, engine().makeTensor(copies ? view : view.slice(), this.#shapes[i] as number[], "float32"));
    }
  }

  swapAverage(): void {
    this.#optimizer.swapAverage();
  }

  stats(): Stats {
    return this.#optimizer.stats();
  }

  donor(): Optimizer {
    return this.#optimizer;
  }

  pull(): Optimizer {
    return this.#optimizer;
  }

  dispose(): void {
    this.#optimizer.dispose();
  }
}

function copyInto(view: Float32Array, tensor: Tensor): void {
  const heap = backend() as Heap;
  // Without the copy that dataSync() makes there.
  view.set(heap.typedArrayFromHeap ? heap.typedArrayFromHeap(tensor) : (tensor.dataSync() as Float32Array));
}
