/// <reference lib="esnext.disposable" preserve="true" />

import { joinChunks } from "../../checkpoint/safetensors.ts";
import { checkpointOf, type SaveOptions } from "../../checkpoint/save.ts";
import { DisposedError, StateError } from "../../errors.ts";
import type { CarryReport, Source } from "../../optimizer/carry.ts";
import { type Readable, sourceOf } from "../../optimizer/from.ts";
import type { LoadOptions, RuleState, SnapshotName } from "../../optimizer/optimizer.ts";
import { type Stats, statsOf, toldSpec } from "../../optimizer/stats.ts";
import { averagesOf } from "../../optimizer/swap-average.ts";
import { isFrozen, PlaneViews, stateTree } from "../../optimizer/views.ts";
import { readOptions } from "../../options.ts";
import type { Program } from "../../program/program.ts";
import type { Runner } from "../../program/runner.ts";
import type { Host, StepValues } from "../../program/values.ts";
import { show } from "../../show.ts";
import { buildTree, type LayoutLeaf, matchTree } from "../../tree/layout.ts";
import { displayPath } from "../../tree/path.ts";
import type { Gradients, Views } from "../../tree/types.ts";
import type { Told } from "../../updates/rule.ts";
import type { BackendInfo, PlaneId } from "../backend.ts";
import { holdsBindings, matchBindings, uses } from "./bindings.ts";
import { checkCopies, copyPlaces, writeFound } from "./copies.ts";
import type { GpuEngine } from "./engine.ts";
import { type Gpu, lostError, orLost } from "./gpu.ts";
import { HostPlanes } from "./host-planes.ts";
import { PlaneLeaves } from "./plane-leaves.ts";
import type { Planes } from "./planes.ts";
import type { Tables } from "./tables.ts";
import type { GpuBindings, GpuDevice, GpuEncoder, GpuPlaces } from "./types.ts";

/** @internal What it is made of: its types name those of WebGPU, which not everyone has. */
export interface GpuParts {
  readonly gpu: Gpu;
  /** With the layout of the device. */
  readonly program: Program;
  readonly host: Host;
  readonly values: readonly StepValues[];
  readonly engine: GpuEngine;
  readonly planes: Planes;
  readonly tables: Tables;
  readonly runner: Runner;
  readonly keepsUpdates: boolean;
}

type Phase = "ready" | "updated" | "running" | "averaged" | "busy";

/**
 * An optimizer whose planes stand on a device. Steps are encoded and submitted, and nothing is waited for; what is read
 * back is a promise.
 */
export class GpuOptimizer<T = unknown> {
  readonly backend: BackendInfo;
  /** What became of the leaves and options of what this one was made from; null if it was made from parameters alone. */
  readonly carried: CarryReport | null;
  readonly #host: Host;
  #parts: GpuParts | null;
  #phase: Phase = "ready";
  /** Whether `update()` left updates that count as a step. */
  #changed = false;
  /** Whether norms have been taken. */
  #ran = false;

  /** @internal */
  constructor(parts: GpuParts, carried: CarryReport | null) {
    this.#parts = parts;
    this.#host = parts.host;
    this.backend = parts.engine.backend;
    this.carried = carried;
  }

  /** Steps that changed parameters, or will have when the device is done with them. */
  get count(): number {
    return this.#host.count;
  }

  /** Where the parameters stand, leaf by leaf: shaders of the caller's may read them, and write them between steps. */
  get params(): GpuPlaces<T> {
    return this.#bindings("params");
  }

  /** Where the gradients are wanted: shaders of the caller's write them. Frozen leaves have none. */
  get grads(): GpuPlaces<T> {
    return this.#bindings("grads");
  }

  /** The device, which the caller gave or lanestep requested. */
  get device(): GpuDevice {
    return this.#living().gpu.device;
  }

  /**
   * One step, encoded and submitted: on the device it follows what was submitted before, such as the shaders that wrote
   * the gradients.
   *
   * @param grads a whole tree of gradients: from the host, or bindings of buffers, which are copied on the device; without
   *   it, what stands in `grads`. Frozen leaves may be absent or null
   * @param told `value`: the loss, for `reduceOnPlateau`; alone: `step(undefined, { value })`
   * @returns whether parameters change: false while `accumulate` gathers
   * @throws as `Optimizer.step`, and DeviceLostError
   */
  step(grads?: Gradients<T> | GpuBindings<T>, told?: Told): boolean {
    const changed = this.#run("step", grads, told, "apply", null);
    if (changed) this.#host.count += 1;
    return changed;
  }

  /**
   * One step in an encoder of the caller's, who submits it: steps are to be submitted in the order in which they were
   * encoded, and each once.
   *
   * @param grads bindings; without it, what stands in `grads`
   * @returns as {@link step}
   */
  encode(encoder: GpuEncoder, grads?: GpuBindings<T>, told?: Told): boolean {
    const given = encoder as GPUCommandEncoder;
    if (typeof given?.beginComputePass !== "function") {
      throw new TypeError(`encode: encoder is ${show(given)}, expected a GPUCommandEncoder`);
    }
    const changed = this.#run("encode", grads, told, "apply", given);
    if (changed) this.#host.count += 1;
    return changed;
  }

  /** The first half of a step: overwrites the gradients with the updates. */
  update(grads?: Gradients<T> | GpuBindings<T>, told?: Told): void {
    this.#changed = this.#run("update", grads, told, "emit", null);
    this.#phase = "updated";
  }

  /** The second half: adds the gradients, which are updates now, to the parameters. @throws StateError without an `update()` */
  apply(): void {
    const { runner, engine } = this.#living();
    if (this.#phase !== "updated") throw new StateError("apply() needs an update() before it; step() does both");
    this.#submit((encoder) => {
      engine.record(encoder, () => {
        runner.active.forEach((isActive, group) => {
          if (isActive) engine.apply(group);
        });
      });
    });
    this.#phase = "ready";
    if (this.#changed) this.#host.count += 1;
  }

  /** Sets all gradients to zero. @throws StateError between `update()` and `apply()` */
  zeroGrads(): void {
    const { engine, program } = this.#ready("zeroGrads");
    this.#submit((encoder) => {
      engine.record(encoder, () => {
        for (let group = 0; group < program.groups.length; group++) engine.zeroGrads(group);
      });
    });
  }

  /**
   * Copies a tree back: plain objects and fresh arrays, as they are when all steps before are done.
   *
   * @param name "params", "grads" or "state"
   * @throws TypeError for another name; DeviceLostError
   */
  async read<Name extends SnapshotName>(name: Name): Promise<Name extends "state" ? RuleState<T>[] : Views<T>> {
    const { program, host } = this.#living();
    type Result = Name extends "state" ? RuleState<T>[] : Views<T>;
    switch (name) {
      case "params":
      case "grads":
        return (await this.#download([name])).copy(name) as Result;
      case "state": {
        const views = await this.#download(program.slots.map((_, slot) => slot));
        return stateTree(
          program,
          program.chain.rules,
          (slot) => views.copy(slot),
          (rule) => host.custom[rule],
        ) as Result;
      }
      default:
        name satisfies never;
        throw new TypeError(`read: ${show(name)} is none of "params", "grads", "state"`);
    }
  }

  /** What the last step was like: see `Optimizer.stats`. Norms are of what stands on the device when all steps are done. */
  async stats(): Promise<Stats> {
    const parts = this.#living();
    const { program, engine, tables, gpu, keepsUpdates } = parts;
    const isUpdated = this.#phase === "updated";
    // Steps may go on while sums are waited for.
    const host = { ...parts.host, memories: [...parts.host.memories] };
    const values = parts.values.map(({ options }) => ({ options: [...options] }));
    const norms = [...parts.runner.norms];
    const ratios = [...parts.runner.factors];
    const ran = this.#ran;
    const ids = [
      ...(isUpdated ? [] : ["grads" as const]),
      "params" as const,
      ...(keepsUpdates ? ["updates" as const] : []),
    ];
    const record = (encoder: GPUCommandEncoder) => {
      engine.record(encoder, () => {
        for (const id of ids) engine.measure(id);
      });
      engine.passes.scalars.upload();
    };
    const { squares, factors } = await this.#guard(tables.read(gpu, record));
    if (ran) {
      for (const { rule, index } of program.chain.all) {
        if (rule.kind !== "norm" || rule.scope !== "tree") continue;
        const at = tables.ofRule(index);
        ratios[index] = factors[at.factor]!;
        const { order } = program.chain.all[index]!.options as { order?: number };
        norms[index] = order === Number.POSITIVE_INFINITY ? Number.NaN : factors[at.norm]!;
      }
    }
    return statsOf({ program, host, values, engine: { squares }, norms, factors: ratios, keepsUpdates }, isUpdated);
  }

  /**
   * What a step asks of the device, counted from its passes: how often it starts a shader, and the bytes of planes that
   * these read and write.
   */
  traffic(): { readonly dispatches: number; readonly bytes: number } {
    return this.#living().engine.traffic();
  }

  /** Exchanges the parameters with their average: see `Optimizer.swapAverage`. */
  swapAverage(): void {
    if (this.#phase !== "averaged") this.#ready("swapAverage");
    const { program, planes } = this.#living();
    for (const slot of averagesOf(program)) planes.swap("params", slot);
    this.#phase = this.#phase === "averaged" ? "ready" : "averaged";
  }

  /** A checkpoint as it is now, of the format that every backend reads. @throws as `Optimizer.save`; DeviceLostError */
  async save(options: SaveOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { program, host, gpu, planes } = this.#ready("save");
    const kept = new HostPlanes(program);
    // Counts and options are those of this moment: planes are filled in afterwards.
    const file = checkpointOf({ program, host, views: new PlaneViews(program, kept) }, "save", options);
    await this.#guard(kept.download(gpu, planes));
    return joinChunks(file);
  }

  /** Puts a checkpoint in the place of parameters, state and counts: see `Optimizer.load`. */
  async load(bytes: Uint8Array | ArrayBuffer, options: LoadOptions = {}): Promise<CarryReport> {
    const parts = this.#ready("load");
    const { program, gpu, planes } = parts;
    this.#phase = "busy";
    try {
      const kept = new HostPlanes(program);
      const views = new PlaneViews(program, kept);
      for (const id of ["params", ...program.slots.keys()] as const) views.leaves(id);
      await this.#guard(kept.download(gpu, planes));
      const { load } = await import("../../checkpoint/restore.ts");
      this.#living();
      const report = load({ ...parts, views, ready: () => {} }, bytes, options);
      kept.upload(planes);
      return report;
    } finally {
      this.#phase = "ready";
    }
  }

  /** @internal What it has now, for one that goes on from it. @throws DisposedError, StateError or DeviceLostError */
  async source(): Promise<Source> {
    return sourceOf(await this.pull());
  }

  /** @internal The same, read back: as it is now. */
  async pull(): Promise<Readable<ArrayLike<number>>> {
    const { program, host, engine } = this.#ready("init");
    const now = structuredClone(host); // steps may go on
    const views = await this.#download(["params", ...program.slots.keys()]);
    return { program, host: now, engine, views, ready: () => {} };
  }

  /** @internal The same on the device. */
  get internals(): Readable<unknown> {
    const { program, host, planes, engine } = this.#living();
    const ready = (caller: string) => void this.#ready(caller);
    return { program, host, engine, views: new PlaneLeaves(program, planes), ready };
  }

  /**
   * Frees the buffers that lanestep made: submit before what was encoded. All but `count` and `backend` throws
   * DisposedError then.
   */
  dispose(): void {
    if (!this.#parts) return;
    const { planes, tables, engine } = this.#parts;
    for (const own of [planes, tables, engine.passes]) own.destroy();
    this.#parts = null;
    this.#host.custom = [];
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #run(
    caller: string,
    grads: unknown,
    told: Told | undefined,
    sink: "apply" | "emit",
    given: GPUCommandEncoder | null,
  ): boolean {
    const { program, runner, planes, engine } = this.#ready(caller);
    this.#phase = "running";
    let changed = false;
    try {
      runner.prepare(told === undefined ? {} : readOptions(caller, told, toldSpec, "grads, "));
      const { layout } = program;
      const isOptional = (leaf: LayoutLeaf) => isFrozen(program, leaf);
      // Numbers of the host would be on the device before the caller submits what was encoded.
      const isBound = grads !== undefined && (given !== null || holdsBindings(grads));
      const places = isBound ? matchBindings(layout, grads, "grads", uses.source, isOptional) : null;
      if (places) checkCopies(planes, program, places);
      if (grads !== undefined && !places) {
        writeFound(planes, "grads", matchTree(layout, grads, "grads", isOptional));
      }
      const record = (encoder: GPUCommandEncoder) => {
        if (places) copyPlaces(encoder, planes, "grads", program, places);
        engine.record(encoder, () => {
          changed = runner.run(sink, () => {});
        });
      };
      if (given) engine.passes.scalars.travel(given, () => record(given));
      else this.#submit(record);
      this.#ran = true;
    } finally {
      this.#phase = "ready";
    }
    return changed;
  }

  #submit(record: (encoder: GPUCommandEncoder) => void): void {
    const { gpu, engine } = this.#living();
    const encoder = gpu.device.createCommandEncoder();
    record(encoder);
    engine.passes.scalars.upload();
    gpu.device.queue.submit([encoder.finish()]);
  }

  async #download(ids: readonly PlaneId[]): Promise<PlaneViews> {
    const { program, gpu, planes } = this.#living();
    const kept = new HostPlanes(program);
    const views = new PlaneViews(program, kept);
    for (const id of ids) views.leaves(id);
    await this.#guard(kept.download(gpu, planes));
    return views;
  }

  /** What fails because the device is gone says so. */
  async #guard<Result>(pending: Promise<Result>): Promise<Result> {
    const { gpu } = this.#living();
    try {
      return await pending;
    } catch (error) {
      throw await orLost(gpu, error);
    }
  }

  #bindings(id: "params" | "grads"): GpuPlaces<T> {
    const { program, planes } = this.#living();
    const { skeleton, leaves } = program.layout;
    const bindingOf = (index: number) => {
      const leaf = leaves[index]!;
      const runs = planes.ofLeaf(id, leaf).map(({ place, length }) => ({ ...place, size: length * 4 }));
      if (runs.length > 1) {
        throw new RangeError(
          `"${displayPath(id, leaf.keys)}" lies in ${runs.length} buffers: it is larger than one binding`,
        );
      }
      return runs[0];
    };
    return (buildTree(skeleton, bindingOf, Object.freeze) ?? {}) as GpuPlaces<T>;
  }

  #living(): GpuParts {
    if (!this.#parts) throw new DisposedError("this optimizer was disposed of; init() makes another");
    const { lost } = this.#parts.gpu;
    if (lost) throw lostError(lost);
    return this.#parts;
  }

  #ready(caller: string): GpuParts {
    if (this.#parts && this.#phase !== "ready") throw new StateError(`${caller}() ${busy[this.#phase]}`);
    return this.#living();
  }
}

const busy: Record<Exclude<Phase, "ready">, string> = {
  updated: "between update() and apply(): the gradients are updates that wait for apply()",
  running: "from inside a rule or schedule of the same optimizer",
  averaged: "while the average stands in the parameters: swapAverage() puts them back",
  busy: "while load() is under way",
};
