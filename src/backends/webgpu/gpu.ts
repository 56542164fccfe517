// A device, and what all optimizers on it share: pipelines, by the text of their shaders.

import { DeviceLostError } from "../../errors.ts";
import type { Measured } from "./auto.ts";

/** GPUBufferUsage and GPUMapMode: not every engine has them as globals. */
export const usage = { mapRead: 1, copySrc: 4, copyDst: 8, uniform: 64, storage: 128 } as const;
export const MAP_READ = 1;

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
