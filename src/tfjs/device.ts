// Variables of TensorFlow.js's backend webgpu: values go from its buffers to lanestep's and back, on its own device.

import { engine, getBackend, type Tensor, type TensorInfo, type Variable } from "@tensorflow/tfjs-core";
import { startGpuNow } from "../backends/webgpu/now.ts";
import type { GpuOptimizer } from "../backends/webgpu/optimizer.ts";
import type { GpuPlace } from "../backends/webgpu/types.ts";
import { StateError } from "../errors.ts";
import type { CarryReport } from "../optimizer/carry.ts";
import type { Optimizer } from "../optimizer/optimizer.ts";
import type { Stats } from "../optimizer/stats.ts";
import type { Update } from "../update.ts";
import type { Told } from "../updates/rule.ts";
import type { Donated } from "./join.ts";
import { childAt, type Path, treeOf } from "./names.ts";
import type { Stepper } from "./stepper.ts";

type DataId = Tensor["dataId"];

/**
 * What its kernels use of the backend. `dataToGPU` and `tf.tensor({ buffer })` would do as well, but each copies its tensor
 * and submits by itself: for 300 variables 80 ms in Chromium, in the place of 5.
 */
interface Backend {
  readonly device: GPUDevice;
  readonly tensorMap: { get(dataId: DataId): { readonly resource?: GPUBuffer | null } };
  uploadToGPU(dataId: DataId): void;
  makeTensorInfo(shape: readonly number[], dtype: "float32"): TensorInfo;
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

/** Whether the backend in use is one, by whatever name it was registered. */
export const isOnDevice = (): boolean => "submitQueue" in engine().backend;

/** Steps on TensorFlow.js's own device: nothing is read back. */
export class DeviceStepper implements Stepper {
  readonly #optimizer: GpuOptimizer;
  readonly #backend = engine().backend as unknown as Backend;
  readonly #paths: readonly Path[];
  readonly #shapes: readonly (readonly number[])[];
  readonly #params: readonly GpuPlace[];
  readonly #isFrozen: readonly boolean[];
  /** Where the values stand that parameters are to take before anything else. */
  readonly #values: (GPUBuffer | undefined)[];
  readonly #grads: (GPUBuffer | undefined)[];
  /** That the device had no room. */
  #failure: unknown = null;

  /**
   * @param paths of the variables in the tree of parameters
   * @param from what to go on from
   */
  constructor(
    update: Update,
    paths: readonly Path[],
    variables: readonly Variable[],
    from: Optimizer | undefined,
    keepsUpdates: boolean,
  ) {
    this.#paths = paths;
    this.#shapes = variables.map(({ shape }) => shape);
    const buffers = variables.map((variable) => this.#bufferOf(variable));
    this.#submit();
    const { optimizer, room } = startGpuNow(
      update,
      treeOf(paths, (i) => ({ shape: this.#shapes[i] })),
      this.#backend.device,
      treeOf(paths, (i) => ({ buffer: buffers[i] })),
      from,
      keepsUpdates,
    );
    room.catch((error) => {
      this.#failure = error;
    });
    this.#optimizer = optimizer;
    this.#params = paths.map((path) => childAt(optimizer.params, path) as GpuPlace);
    this.#isFrozen = paths.map((path) => childAt(optimizer.grads, path) === undefined);
    this.#values = paths.map(() => undefined);
    this.#grads = paths.map(() => undefined);
  }

  get carried(): CarryReport | null {
    return this.#optimizer.carried;
  }

  isFrozen(index: number): boolean {
    return this.#isFrozen[index]!;
  }

  setParam(index: number, value: Tensor): void {
    this.#values[index] = this.#bufferOf(value);
  }

  setGrad(index: number, grad: Tensor): void {
    this.#grads[index] = this.#bufferOf(grad);
  }

  step(told: Told | undefined): boolean {
    const optimizer = this.#ready();
    this.#submit();
    const grads = treeOf(this.#paths, (i) => this.#grads[i] && { buffer: this.#grads[i] });
    this.#grads.fill(undefined);
    return optimizer.step(grads, told);
  }

  newParams(indices: readonly number[], take: (index: number, value: Tensor) => void): void {
    this.#encode((encoder) => {
      for (const i of indices) {
        const info = this.#backend.makeTensorInfo(this.#shapes[i]!, "float32");
        const { buffer, offset, size } = this.#params[i]!;
        encoder.copyBufferToBuffer(buffer as GPUBuffer, offset, this.#bufferOf(info), 0, size);
        take(i, engine().makeTensorFromTensorInfo(info));
      }
    });
  }

  swapAverage(): void {
    this.#ready().swapAverage();
  }

  stats(): Promise<Stats> {
    return this.#ready().stats();
  }

  donor(): GpuOptimizer {
    return this.#ready();
  }

  async pull(): Promise<Donated> {
    return { internals: await this.#ready().pull() };
  }

  dispose(): void {
    this.#optimizer.dispose();
  }

  /** The buffer of a tensor, which goes up first if it is on the host or of another backend. */
  #bufferOf({ dataId }: TensorInfo): GPUBuffer {
    this.#backend.uploadToGPU(dataId);
    return this.#backend.tensorMap.get(dataId).resource!;
  }

  /** What TensorFlow.js has recorded goes first: it computes what buffers are to hold. */
  #submit(): void {
    this.#backend.endComputePassEncoder();
    this.#backend.ensureCommandEncoderReady();
    this.#backend.submitQueue();
  }

  /** With the parameters that variables have. */
  #ready(): GpuOptimizer {
    if (this.#failure) throw this.#failure;
    if ((engine().backend as unknown) !== this.#backend) {
      throw new StateError(
        `the optimizer's state is on a device, and TensorFlow.js's backend "${getBackend()}" is in use now: set that of the device again, and save() there for another optimizer`,
      );
    }
    if (!this.#values.some((buffer) => buffer)) return this.#optimizer;
    this.#submit();
    this.#encode((encoder) => {
      this.#values.forEach((value, i) => {
        const { buffer, offset, size } = this.#params[i]!;
        if (value) encoder.copyBufferToBuffer(value, 0, buffer as GPUBuffer, offset, size);
      });
    });
    this.#values.fill(undefined);
    return this.#optimizer;
  }

  #encode(record: (encoder: GPUCommandEncoder) => void): void {
    const { device } = this.#backend;
    const encoder = device.createCommandEncoder();
    record(encoder);
    device.queue.submit([encoder.finish()]);
  }
}
