import type { Leaf } from "../../tree/types.ts";
import type { InitOptions } from "../choose.ts";

/** A type of WebGPU, where there are types of it: not every set has them. */
type Global<Name extends string> = typeof globalThis extends { readonly [Key in Name]: { prototype: infer Type } }
  ? Type
  : object;

export type GpuDevice = Global<"GPUDevice">;
export type GpuBuffer = Global<"GPUBuffer">;
export type GpuEncoder = Global<"GPUCommandEncoder">;

/** Where a leaf stands on the device; what a bind group takes as a resource. */
export interface GpuPlace {
  readonly buffer: GpuBuffer;
  /** Bytes. Leaves in buffers of lanestep's begin at multiples of 256, as a binding must. */
  readonly offset: number;
  readonly size: number;
}

/** A tree of places with the keys of `T`. */
export type GpuPlaces<T> = T extends Leaf ? GpuPlace : { readonly [Key in keyof T]: GpuPlaces<T[Key]> };

/** Where a leaf of the caller's stands. */
export interface GpuBinding {
  readonly buffer: GpuBuffer;
  /** Bytes, a multiple of 4 (of 16 for the fastest steps); without it 0. */
  readonly offset?: number | undefined;
  /** Bytes. */
  readonly size?: number | undefined;
}

/** A tree of bindings with the keys of `T`. */
export type GpuBindings<T> = T extends Leaf ? GpuBinding : { readonly [Key in keyof T]: GpuBindings<T[Key]> };

/** Options of `init` on a device. */
export interface GpuInitOptions<T = unknown> extends Pick<InitOptions, "stats" | "warn" | "from"> {
  readonly backend: "webgpu";
  /** A `GPUDevice` of yours; without it one is requested. */
  readonly device?: GpuDevice | undefined;
  /** Buffers of yours to work on, with the usages STORAGE, COPY_SRC and COPY_DST: trees of bindings. */
  readonly buffers?: { readonly params?: GpuBindings<T>; readonly grads?: GpuBindings<T> } | undefined;
}

/** Options of `init` where the faster of `wasm` and a device is taken. */
export interface AutoInitOptions extends Omit<InitOptions, "backend"> {
  readonly backend: "auto";
  /** A `GPUDevice` of yours; without it one is requested. */
  readonly device?: GpuDevice | undefined;
  /** Parameters from which on the device is taken, Infinity for never; without it they are measured on the device. */
  readonly crossover?: number | undefined;
}
