// How an optimizer on a device comes to be.

import { type Plan as CarryPlan, type CarryReport, carry, type Source } from "../../optimizer/carry.ts";
import { sourceOf } from "../../optimizer/from.ts";
import type { Optimizer } from "../../optimizer/optimizer.ts";
import { isFrozen, PlaneViews, writeLeaves } from "../../optimizer/views.ts";
import type { GroupProgram } from "../../program/compile.ts";
import type { Program } from "../../program/program.ts";
import { Runner } from "../../program/runner.ts";
import { type Host, newHost, StepValues } from "../../program/values.ts";
import { readTree } from "../../tree/layout.ts";
import type { FoundLeaf } from "../../tree/leaf.ts";
import type { Update } from "../../update.ts";
import type { BackendInfo, PlaneId } from "../backend.ts";
import { choose } from "./auto.ts";
import { matchBindings, uses } from "./bindings.ts";
import { copyPlaces, writeFound } from "./copies.ts";
import { checkDevice, sharedDevice } from "./device.ts";
import { GpuEngine } from "./engine.ts";
import { Gpu, lostError, orLost } from "./gpu.ts";
import { HostPlanes } from "./host-planes.ts";
import { GpuOptimizer, type GpuParts } from "./optimizer.ts";
import { PlaneLeaves } from "./plane-leaves.ts";
import { deviceLayout, type Given, Planes } from "./planes.ts";
import { Tables } from "./tables.ts";
import type { GpuInitOptions } from "./types.ts";

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

async function startGpu<T>(
  { program: met, source, plan }: Met,
  found: readonly FoundLeaf[],
  options: Asked,
  device: GPUDevice,
  reason: string,
): Promise<GpuOptimizer<T>> {
  const { buffers = {} } = options as Pick<GpuInitOptions, "buffers">;
  const gpu = Gpu.of(device);
  const program: Program = { ...met, layout: deviceLayout(met.layout) };
  const { layout } = program;
  const places: Given = {
    ...(buffers.params ? { params: matchBindings(layout, buffers.params, "buffers.params", uses.planes) } : {}),
    ...(buffers.grads
      ? { grads: matchBindings(layout, buffers.grads, "buffers.grads", uses.planes, (leaf) => isFrozen(program, leaf)) }
      : {}),
  };
  let parts: Parts | undefined;
  try {
    const allotted = allot(gpu, program, places, options.stats === true, reason);
    parts = allotted.parts;
    await allotted.room;
    const { planes, engine } = parts;
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
      writeFound(planes, "params", program, found);
      beginSlots(parts);
    }
    return optimizerOf<T>(parts, plan?.host ?? newHost(program.chain), carried);
  } catch (error) {
    if (parts) free(parts);
    throw await orLost(gpu, error);
  }
}

/**
 * Starts at once, for libraries whose steps wait for nothing: shaders are compiled when they are first wanted.
 *
 * @param tree of shapes
 * @param params bindings: where the parameters stand on the device, from where they are copied
 * @param from an optimizer to go on from, on the same device or on the host
 * @returns `room`: rejected with a RangeError where the device had none; what was encoded by then came to nothing
 */
export function startGpuNow(
  update: Update,
  tree: unknown,
  device: GPUDevice,
  params: unknown,
  from: Optimizer | undefined,
  keepsUpdates: boolean,
): { readonly optimizer: GpuOptimizer; readonly room: Promise<void> } {
  const { program: met, source, plan } = update.meet(readTree(tree, "params").tree, from && sourceOf(from.internals));
  refuse(met);
  const program: Program = { ...met, layout: deviceLayout(met.layout) };
  const places = matchBindings(program.layout, params, "params", uses.source);
  const { parts, room } = allot(Gpu.of(device), program, {}, keepsUpdates, "asked for");
  const submit = <Result>(record: (encoder: GPUCommandEncoder) => Result): Result => {
    const encoder = device.createCommandEncoder();
    const result = record(encoder);
    device.queue.submit([encoder.finish()]);
    return result;
  };
  submit((encoder) => copyPlaces(encoder, parts.planes, "params", program, places));
  const carried = source
    ? submit((encoder) => carry(program, new PlaneLeaves(program, parts.planes, encoder), source))
    : null;
  if (!source) beginSlots(parts);
  return { optimizer: optimizerOf(parts, plan?.host ?? newHost(program.chain), carried), room };
}

type Parts = Omit<GpuParts, "host" | "runner">;

/** Planes and tables. `room` is rejected where the device had none, which it tells later. */
function allot(
  gpu: Gpu,
  program: Program,
  places: Given,
  keepsUpdates: boolean,
  reason: string,
): { readonly parts: Parts; readonly room: Promise<void> } {
  const { device } = gpu;
  const { groups, slots } = program;
  const ids: PlaneId[] = [
    "grads",
    ...slots.keys(),
    ...(groups.some(({ scratch }) => scratch !== "none") ? (["scratch"] as const) : []),
    ...(keepsUpdates ? (["updates"] as const) : []),
  ];
  const { maxStorageBufferBindingSize, maxBufferSize, maxStorageBuffersPerShaderStage } = device.limits;
  const merges = groups.some((group) => bindingsOf(group) > maxStorageBuffersPerShaderStage);
  const values = groups.map((group, g) => new StepValues(group, program.births[g]!));
  const backend: BackendInfo = Object.freeze({ name: "webgpu", path: "shaders", reason });
  let scopes: Promise<(GPUError | null)[]>;
  let planes: Planes | undefined;
  let tables: Tables;
  device.pushErrorScope("validation");
  device.pushErrorScope("out-of-memory");
  try {
    planes = new Planes(gpu, program, ids, places, merges, Math.min(maxStorageBufferBindingSize, maxBufferSize));
    tables = new Tables(gpu, program, planes.pieces);
  } catch (error) {
    planes?.destroy();
    throw error;
  } finally {
    // Both at once: scopes are a stack, and others use the device too.
    scopes = Promise.all([device.popErrorScope(), device.popErrorScope()]);
  }
  const { bytes } = planes;
  const room = scopes.then((errors) => {
    const error = errors.find((error) => error !== null);
    if (error) throw new RangeError(`the device has no room for ${bytes} bytes of planes: ${error.message}`);
  });
  const engine = new GpuEngine(gpu, program, values, planes, tables, keepsUpdates, backend);
  return { parts: { gpu, program, values, engine, planes, tables, keepsUpdates }, room };
}

function free({ planes, tables, engine }: Parts): void {
  for (const own of [planes, tables, engine.passes]) own.destroy();
}

function beginSlots({ program: { slots }, planes }: Parts): void {
  slots.forEach(({ initial }, slot) => {
    if (initial === "params") planes.copy("params", slot);
    else if (initial !== 0) planes.fill(slot, initial);
  });
}

function optimizerOf<T>(parts: Parts, host: Host, carried: CarryReport | null): GpuOptimizer<T> {
  const runner = new Runner(parts.program, parts.engine, parts.values, host);
  return new GpuOptimizer<T>({ ...parts, host, runner }, carried);
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
function refuse({ chain }: Program): void {
  const missing = { skip: "zeroNans()", custom: "a chain of built-in updates" };
  for (const { rule, address } of chain.all) {
    const kind = rule.kind === "gate" ? rule.gate : rule.kind;
    if (kind !== "skip" && kind !== "custom") continue;
    throw new Error(
      `the webgpu backend has no "${address}" yet: what becomes of a step is decided on the host. Use ${missing[kind]}, or backend "wasm"`,
    );
  }
}
