// How an optimizer on a device comes to be.

import { type Plan as CarryPlan, type CarryReport, carry, type Source } from "../../optimizer/carry.ts";
import type { Optimizer } from "../../optimizer/optimizer.ts";
import { isFrozen, PlaneViews, writeLeaves } from "../../optimizer/views.ts";
import { object, readOptions } from "../../options.ts";
import type { GroupProgram } from "../../program/compile.ts";
import type { Program } from "../../program/program.ts";
import { Runner } from "../../program/runner.ts";
import { type Host, newHost, StepValues } from "../../program/values.ts";
import type { LayoutLeaf } from "../../tree/layout.ts";
import type { FoundLeaf } from "../../tree/leaf.ts";
import type { BackendInfo, PlaneId } from "../backend.ts";
import { choose } from "./auto.ts";
import { checkPlaces, matchBindings, uses } from "./bindings.ts";
import { writeFound } from "./copies.ts";
import { checkDevice, sharedDevice } from "./device.ts";
import { GpuEngine } from "./engine.ts";
import { Gpu, lostError, orLost } from "./gpu.ts";
import { HostPlanes } from "./host-planes.ts";
import { GpuOptimizer, type GpuParts } from "./optimizer.ts";
import { deviceLayout, type Given, Planes } from "./planes.ts";
import { Tables } from "./tables.ts";

/** The chain and a tree, with what is taken over from another: see update.ts. */
interface Met {
  readonly program: Program;
  readonly source: Source | undefined;
  readonly plan: CarryPlan | undefined;
}

/** What of the options concerns a device; the caller has read them. */
interface Asked {
  readonly backend?: string | undefined;
  readonly device?: object | undefined;
  readonly buffers?: object | undefined;
  readonly crossover?: number | undefined;
  readonly stats?: boolean | undefined;
}

/**
 * Starts on a device, or where "auto" finds it best.
 *
 * @param onHost starts there
 * @throws Error without an adapter, or for a rule that is not there yet; RangeError where the device has no room:
 *   not with "auto", which takes the host then
 */
export async function start<T>(
  met: Met,
  found: readonly FoundLeaf[],
  options: Asked,
  onHost: () => Optimizer<T>,
): Promise<Optimizer<T> | GpuOptimizer<T>> {
  const device = checkDevice(options.device);
  const deviceOf = async () => device ?? sharedDevice();
  const onDevice = async (reason: string) => {
    refuse(met.program);
    return startGpu<T>(met, found, options, await deviceOf(), reason);
  };
  if (options.backend === "webgpu") return onDevice("asked for");
  if (options.buffers) throw new TypeError('init: buffers stand on a device: they take backend "webgpu"');
  let reason: string;
  try {
    refuse(met.program);
    const choice = await choose(met.program, options.crossover, deviceOf);
    if (choice.onDevice) return await onDevice(choice.reason);
    reason = choice.reason;
  } catch (error) {
    reason = `"auto": not on a device, as ${(error as Error).message}`;
  }
  let optimizer: Optimizer<T>;
  try {
    optimizer = onHost();
  } catch (error) {
    // A device may have room where a memory of the host has none.
    if (!(error instanceof RangeError) || options.crossover !== undefined) throw error;
    return onDevice(`"auto": ${error.message}`).catch(() => {
      throw error;
    });
  }
  const { backend } = optimizer;
  return Object.assign(optimizer, {
    backend: Object.freeze({ ...backend, reason: `${reason}; ${backend.reason}` }),
  });
}

const bindings = object("a tree of bindings");
const bufferSpec = { params: bindings, grads: bindings };

async function startGpu<T>(
  { program: met, source, plan }: Met,
  found: readonly FoundLeaf[],
  options: Asked,
  device: GPUDevice,
  reason: string,
): Promise<GpuOptimizer<T>> {
  const buffers = readOptions("buffers", options.buffers, bufferSpec);
  const gpu = Gpu.of(device);
  const program: Program = { ...met, layout: deviceLayout(met.layout) };
  const { layout } = program;
  const places: { -readonly [Id in keyof Given]: Given[Id] } = {};
  if (buffers.params) places.params = matchBindings(layout, buffers.params, "buffers.params", uses.planes);
  if (buffers.grads) {
    const mayLack = (leaf: LayoutLeaf) => isFrozen(program, leaf);
    places.grads = matchBindings(layout, buffers.grads, "buffers.grads", uses.planes, mayLack);
  }
  await checkPlaces(gpu, layout, places);
  const { parts, room } = allot(
    gpu,
    program,
    plan?.host ?? newHost(program.chain),
    places,
    options.stats === true,
    reason,
  );
  const { planes, tables, engine } = parts;
  try {
    await room;
    await engine.compile();
    if (gpu.lost) throw lostError(gpu.lost);
    let carried = null;
    if (source) {
      const kept = new HostPlanes(program);
      const views = new PlaneViews(program, kept);
      views.leaves("params");
      // New leaves in buffers of the caller's have the values of these, unless others were given.
      if (places.params) await kept.download(gpu, planes);
      writeLeaves(views.leaves("params"), found);
      carried = carry(program, views, source);
      kept.upload(planes);
    } else {
      writeFound(planes, "params", found);
      beginSlots(parts);
    }
    return optimizerOf<T>(parts, carried);
  } catch (error) {
    for (const own of [planes, tables, engine.passes]) own.destroy();
    throw await orLost(gpu, error);
  }
}

/** What stands on the device before there are values, and an engine for it. */
export type Allotted = Omit<GpuParts, "runner">;

/**
 * Makes planes and tables.
 *
 * @returns `room`: rejected with a RangeError where the device had none for them, which it tells later
 */
export function allot(
  gpu: Gpu,
  program: Program,
  host: Host,
  places: Given,
  keepsUpdates: boolean,
  reason: string,
): { readonly parts: Allotted; readonly room: Promise<void> } {
  const { groups, slots } = program;
  const ids: PlaneId[] = [
    "grads",
    ...slots.keys(),
    ...(groups.some(({ scratch }) => scratch !== "none") ? (["scratch"] as const) : []),
    ...(keepsUpdates ? (["updates"] as const) : []),
  ];
  const { maxStorageBufferBindingSize, maxBufferSize, maxStorageBuffersPerShaderStage } = gpu.device.limits;
  const merges = groups.some((group) => bindingsOf(group) > maxStorageBuffersPerShaderStage);
  const most = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  const made: { destroy(): void }[] = [];
  try {
    const {
      result: { planes, tables },
      refused,
    } = gpu.watch(() => {
      const planes = new Planes(gpu, program, ids, places, merges, most);
      made.push(planes);
      const tables = new Tables(gpu, program, planes.pieces);
      made.push(tables);
      return { planes, tables };
    });
    const room = refused.then((errors) => {
      const error = errors.find((error) => error !== null);
      if (error) throw new RangeError(`the device has no room for ${planes.bytes} bytes of planes: ${error.message}`);
    });
    const values = groups.map((group, g) => new StepValues(group, program.births[g]!, host));
    const backend: BackendInfo = Object.freeze({ name: "webgpu", path: "shaders", reason });
    const engine = new GpuEngine(gpu, program, values, planes, tables, keepsUpdates, backend);
    return { parts: { gpu, program, host, values, engine, planes, tables, keepsUpdates }, room };
  } catch (error) {
    for (const own of made) own.destroy();
    throw error;
  }
}

/** What slots begin with, when parameters are there. */
export function beginSlots({ program: { slots }, planes }: Allotted): void {
  slots.forEach(({ initial }, slot) => {
    if (initial === "params") planes.copy("params", slot);
    else if (initial !== 0) planes.fill(slot, initial);
  });
}

export function optimizerOf<T>(parts: Allotted, carried: CarryReport | null): GpuOptimizer<T> {
  const runner = new Runner(parts.program, parts.engine, parts.values, parts.host);
  return new GpuOptimizer<T>({ ...parts, runner }, carried);
}

/** At most so many storage buffers a loop takes, with chunks and factors; other passes take fewer. */
function bindingsOf({ stages, slots }: GroupProgram): number {
  const passes = stages.flatMap(({ passes }) => passes);
  const loops = passes.flatMap((pass) => {
    if (pass.kind !== "loop") return [];
    const own = pass.operations.flatMap((operation) => (operation.kind === "body" ? slots[operation.rule]! : []));
    return new Set<PlaneId>(["params", pass.source, ...own, pass.sink === "park" ? "scratch" : "grads"]).size + 2;
  });
  return Math.max(...loops, 0);
}

/** What a device cannot do yet. */
export function refuse({ chain }: Program): void {
  const missing = { skip: "zeroNans()", custom: "a chain of built-in updates" };
  for (const { rule, address } of chain.all) {
    const kind = rule.kind === "gate" ? rule.gate : rule.kind;
    if (kind !== "skip" && kind !== "custom") continue;
    throw new Error(
      `the webgpu backend has no "${address}" yet: what becomes of a step is decided on the host. Use ${missing[kind]}, or backend "wasm"`,
    );
  }
}
