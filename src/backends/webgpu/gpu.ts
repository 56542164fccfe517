// A device, and what all optimizers on it share: pipelines, by the text of their shaders.

import { DeviceLostError } from "../../errors.ts";
import type { Measured } from "./auto.ts";

/** GPUBufferUsage and GPUMapMode: not every engine has them as globals. */
export const usage = { mapRead: 1, copySrc: 4, copyDst: 8, uniform: 64, storage: 128 } as const;
const MAP_READ = 1;

const gpus = new WeakMap<GPUDevice, Gpu>();

export class Gpu {
  readonly device: GPUDevice;
  /** Why the device is gone; null as long as it is not. */
  lost: string | null = null;
  /** From how many parameters on it is faster than the host: see auto.ts. */
  measured: Promise<Measured> | null = null;
  readonly #pipelines = new Map<string, GPUComputePipeline>();
  /** Those that optimizers wait for that are made at once. */
  readonly #compiling = new Map<string, Promise<void>>();

  private constructor(device: GPUDevice) {
    this.device = device;
    device.lost.then(({ reason, message }) => {
      this.lost = `${reason}${message ? `: ${message}` : ""}`;
    });
  }

  static of(device: GPUDevice): Gpu {
    const gpu = gpus.get(device) ?? new Gpu(device);
    gpus.set(device, gpu);
    return gpu;
  }

  /**
   * Calls what waits for nothing; what the device refuses of it is told by the promise, and to no scope of others.
   *
   * @returns `refused`: for want of room, and for what is invalid; null where there is nothing
   */
  watch<Result>(call: () => Result): {
    readonly result: Result;
    readonly refused: Promise<readonly [room: GPUError | null, invalid: GPUError | null]>;
  } {
    const { device } = this;
    let refused: Promise<[GPUError | null, GPUError | null]>;
    device.pushErrorScope("validation");
    device.pushErrorScope("out-of-memory");
    let result: Result;
    try {
      result = call();
    } finally {
      // Both at once: others may open theirs while these are waited for.
      refused = Promise.all([device.popErrorScope(), device.popErrorScope()]);
    }
    return { result, refused };
  }

  /**
   * Reads runs of buffers back, as they are when all is done that was submitted before, and what `record` adds.
   *
   * @param take gets them in order; they are gone when it has returned
   * @throws RangeError where the device has no room for them; Error where it does not copy them
   */
  async read<Result>(
    runs: readonly Required<GPUBufferBinding>[],
    take: (values: readonly Float32Array<ArrayBuffer>[]) => Result,
    record: (encoder: GPUCommandEncoder) => void = () => {},
  ): Promise<Result> {
    const { device } = this;
    const stagings: GPUBuffer[] = [];
    const { result: mapped, refused } = this.watch(() => {
      const encoder = device.createCommandEncoder();
      record(encoder);
      for (const { buffer, offset, size } of runs) {
        const staging = device.createBuffer({ size, usage: usage.mapRead | usage.copyDst });
        stagings.push(staging);
        encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
      }
      device.queue.submit([encoder.finish()]);
      return stagings.map((staging) => staging.mapAsync(MAP_READ));
    });
    try {
      const [[room, invalid]] = await Promise.all([refused, Promise.allSettled(mapped)]);
      if (room) throw new RangeError(`the device has no room to be read back: ${room.message}`);
      // Else zeros would come, and might be saved.
      if (invalid) throw new Error(`the device could not be read back: ${invalid.message}`);
      await Promise.all(mapped);
      return take(stagings.map((staging) => new Float32Array(staging.getMappedRange())));
    } finally {
      for (const staging of stagings) staging.destroy();
    }
  }

  /** Compiles what is not there yet, side by side. */
  async compile(texts: Iterable<string>): Promise<void> {
    const missing = [...new Set(texts)].filter((text) => !this.#pipelines.has(text));
    await Promise.all(missing.map((text) => this.#compiling.get(text) ?? this.#compile(text)));
  }

  pipeline(text: string): GPUComputePipeline {
    const pipeline = this.#pipelines.get(text) ?? this.device.createComputePipeline(this.#descriptor(text));
    this.#pipelines.set(text, pipeline);
    return pipeline;
  }

  #compile(text: string): Promise<void> {
    const compiling = this.device
      .createComputePipelineAsync(this.#descriptor(text))
      .then((pipeline) => {
        this.#pipelines.set(text, pipeline);
      })
      .finally(() => this.#compiling.delete(text));
    this.#compiling.set(text, compiling);
    return compiling;
  }

  #descriptor(code: string): GPUComputePipelineDescriptor {
    return { layout: "auto", compute: { module: this.device.createShaderModule({ code }), entryPoint: "main" } };
  }
}

export const lostError = (why: string) =>
  new DeviceLostError(`the device is lost (${why}): restore the last checkpoint on another`);

/** An error, or that the device is lost, if this is why. */
export async function orLost(gpu: Gpu, error: unknown): Promise<unknown> {
  // The device may say so a little later than its buffers.
  await Promise.race([gpu.device.lost, new Promise((resolve) => setTimeout(resolve))]);
  return gpu.lost ? lostError(gpu.lost) : error;
}
