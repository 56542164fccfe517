// From what a pass does to dispatches: shaders for the ways in which its planes are bound, and what these are bound to.

import type { Values } from "../../program/form.ts";
import type { PlaneId } from "../backend.ts";
import { type Block, Blocks } from "./blocks.ts";
import { Constants, type FactorsOf } from "./constants.ts";
import type { Gpu } from "./gpu.ts";
import type { Piece, Planes } from "./planes.ts";
import type { Binding, Resource, Shader } from "./shader.ts";
import type { Tables } from "./tables.ts";

/** One dispatch of a pass, over a piece or a part of it. */
export interface Work {
  readonly piece: Piece | null;
  /** Of it, padding left out. */
  readonly elements: number;
  /** Elements that are read at a time. */
  readonly width: 1 | 4;
  /** Elements from the begin of the piece. */
  readonly from: number;
  /** What the shader calls `piece`: count, first, chunks, spare. */
  readonly told: readonly [number, number, number, number];
  /** Groups of threads that it could use. */
  readonly groups: number;
}

/** A pass before a device has seen it. */
export interface Draft {
  /** Planes that it takes, each once. */
  readonly planes: readonly { readonly id: PlaneId; readonly reads: boolean; readonly writes: boolean }[];
  readonly works: readonly Work[];
  readonly values: Values;
  readonly factorsOf: FactorsOf;
  readonly shader: (constants: Constants, binding: Binding) => Shader;
}

interface Dispatch {
  readonly pipeline: GPUComputePipeline;
  readonly bindings: GPUBindGroup;
  readonly groups: number;
}

/** A pass that can be encoded. */
export interface Prepared {
  /** What it is told in each step; null for nothing. */
  readonly block: Block | null;
  readonly constants: Constants;
  readonly dispatches: readonly Dispatch[];
}

/** What the offset of a binding must be a multiple of, on any device. */
const ALIGN = 256;

/** The shaders of a pass, each put together once: there may be a piece for each of many leaves. */
function shadersOf({ values, factorsOf, shader }: Draft) {
  const known = new Map<string, { readonly constants: Constants; readonly shader: Shader }>();
  return (binding: Binding) => {
    const key = `${binding.width} ${binding.buffers}`;
    let made = known.get(key);
    if (!made) {
      const constants = new Constants(values, factorsOf);
      made = { constants, shader: shader(constants, binding) };
      known.set(key, made);
    }
    return made;
  };
}

export class Passes {
  readonly scalars: Blocks;
  /** What is told but once. */
  readonly #told: Blocks;
  readonly #gpu: Gpu;
  readonly #planes: Planes;
  readonly #tables: Tables;

  constructor(gpu: Gpu, planes: Planes, tables: Tables) {
    this.#gpu = gpu;
    this.#planes = planes;
    this.#tables = tables;
    this.scalars = new Blocks(gpu);
    this.#told = new Blocks(gpu);
  }

  /** Shaders that a pass will want. */
  textsOf(draft: Draft): string[] {
    const shaderFor = shadersOf(draft);
    return draft.works.map((work) => shaderFor(this.#windows(draft, work).binding).shader.text);
  }

  prepare(draft: Draft): Prepared {
    // All of its shaders take the same scalars in the same order.
    let constants = new Constants(draft.values, draft.factorsOf);
    let block: Block | null = null;
    const shaderFor = shadersOf(draft);
    const dispatches = draft.works.map((work): Dispatch => {
      const { binding, buffers, at } = this.#windows(draft, work);
      const made = shaderFor(binding);
      constants = made.constants;
      if (constants.scalars.length > 0) block ??= this.scalars.allocate(constants.scalars.length);
      const told = this.#told.allocate(4 + Math.ceil(Math.max(at.length, 1) / 4) * 4);
      [...work.told, ...at].forEach((word, i) => {
        this.#told.setInteger(told, i, word);
      });
      const pipeline = this.#gpu.pipeline(made.shader.text);
      const resourceOf = (resource: Resource): GPUBufferBinding => {
        if (typeof resource === "object") return buffers[resource.buffer]!;
        if (resource === "piece") return told.binding;
        if (resource === "constants") return block!.binding;
        return { buffer: this.#tables[resource] };
      };
      const entries = made.shader.resources.map((resource, i) => ({ binding: i, resource: resourceOf(resource) }));
      const bindings = this.#gpu.device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
      const groups = Math.min(work.groups, this.#gpu.device.limits.maxComputeWorkgroupsPerDimension);
      return { pipeline, bindings, groups };
    });
    this.#told.upload();
    return { block, constants, dispatches };
  }

  /** The scalars of this step, and the dispatches. */
  encode({ block, constants, dispatches }: Prepared, pass: GPUComputePassEncoder): void {
    constants.scalars.forEach(({ integer, read }, i) => {
      if (integer) this.scalars.setInteger(block!, i, read());
      else this.scalars.setFloat(block!, i, read());
    });
    for (const { pipeline, bindings, groups } of dispatches) {
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, bindings);
      pass.dispatchWorkgroups(groups);
    }
  }

  destroy(): void {
    this.scalars.destroy();
    this.#told.destroy();
  }

  /** Planes in one buffer are one binding: no part of a buffer may be bound twice, if one of the two is written. */
  #windows({ planes }: Draft, { piece, width, from }: Work) {
    const runs = planes.map(({ id }) => {
      const { buffer, offset } = this.#planes.at(id, piece!)!;
      const begin = offset + from * 4;
      const elements = Math.ceil((piece!.end - piece!.begin - from) / width) * width;
      return { buffer, begin, end: begin + elements * 4 };
    });
    const distinct = [...new Set(runs.map(({ buffer }) => buffer))];
    const buffers = distinct.map((buffer): Required<GPUBufferBinding> => {
      const own = runs.filter((run) => run.buffer === buffer);
      const begin = Math.floor(Math.min(...own.map((run) => run.begin)) / ALIGN) * ALIGN;
      const size = Math.max(...own.map((run) => run.end)) - begin;
      const { maxStorageBufferBindingSize: most } = this.#gpu.device.limits;
      if (size > most) {
        throw new RangeError(`parameters and gradients lie ${size} bytes apart in one buffer, a binding holds ${most}`);
      }
      return { buffer, offset: begin, size };
    });
    const indices = runs.map(({ buffer }) => distinct.indexOf(buffer));
    const at = runs.map(({ begin }, i) => (begin - buffers[indices[i]!]!.offset) / (4 * width));
    const binding: Binding = { width, buffers: indices, writes: planes.map(({ writes }) => writes) };
    return { binding, buffers, at };
  }
}
