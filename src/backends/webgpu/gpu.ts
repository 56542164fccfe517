// A device, and what all optimizers on it share: pipelines, by the text of their shaders.

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
    const made = await Promise.all(
      missing.map((text) => this.device.createComputePipelineAsync(this.#descriptor(text))),
    );
    missing.forEach((text, i) => {
      this.#pipelines.set(text, made[i]!);
    });
  }

  pipeline(text: string): GPUComputePipeline {
    const pipeline = this.#pipelines.get(text) ?? this.device.createComputePipeline(this.#descriptor(text));
    this.#pipelines.set(text, pipeline);
    return pipeline;
  }

  #descriptor(code: string): GPUComputePipelineDescriptor {
    return { layout: "auto", compute: { module: this.device.createShaderModule({ code }), entryPoint: "main" } };
  }
}
