// How an optimizer on a device comes to be.

import type { Plan as CarryPlan, Source } from "../../optimizer/carry.ts";
import { carry } from "../../optimizer/carry.ts";
import { isFrozen, PlaneViews, writeLeaves } from "../../optimizer/views.ts";
import type { GroupProgram } from "../../program/compile.ts";
import type { Program } from "../../program/program.ts";
import { Runner } from "../../program/runner.ts";
import { newHost, StepValues } from "../../program/values.ts";
import { show } from "../../show.ts";
import type { FoundLeaf } from "../../tree/leaf.ts";
import type { BackendInfo, PlaneId } from "../backend.ts";
import { matchBindings, uses } from "./bindings.ts";
import { GpuEngine } from "./engine.ts";
import { Gpu } from "./gpu.ts";
import { HostPlanes } from "./host-planes.ts";
import { GpuOptimizer, lostError, writeFound } from "./optimizer.ts";
import { deviceLayout, type Given, Planes } from "./planes.ts";
import { Tables } from "./tables.ts";
import type { GpuInitOptions } from "./types.ts";

/** The chain and a tree, with what is taken over from another: see update.ts. */
interface Met {
  readonly program: Program;
  readonly source: Source | null;
  readonly plan: CarryPlan | null;
}

const backend: BackendInfo = Object.freeze({ name: "webgpu", path: "shaders", reason: "asked for" });

/** @throws Error without an adapter, or for a rule that is not there yet; RangeError where the device has no room */
export async function startGpu<T>(
  { program: met, source, plan }: Met,
  found: readonly FoundLeaf[],
  options: {
    readonly stats?: boolean | undefined;
    readonly device?: object | undefined;
    readonly buffers?: object | undefined;
  },
): Promise<GpuOptimizer<T>> {
  refuse(met);
  const { device: callers, buffers = {} } = options as unknown as Partial<GpuInitOptions>;
  const given = callers as GPUDevice | undefined;
  if (given && typeof given.createComputePipelineAsync !== "function") {
    throw new TypeError(`init: device is ${show(given)}, expected a GPUDevice`);
  }
  const gpu = Gpu.of(given ?? (await requestDevice()));
  const { device } = gpu;
  const program: Program = { ...met, layout: deviceLayout(met.layout) };
  const { layout, groups, slots } = program;
  const places: Given = {
    ...(buffers.params ? { params: matchBindings(layout, buffers.params, "buffers.params", uses.planes) } : {}),
    ...(buffers.grads
      ? { grads: matchBindings(layout, buffers.grads, "buffers.grads", uses.planes, (leaf) => isFrozen(program, leaf)) }
      : {}),
  };
  const keepsUpdates = options.stats === true;
  const ids: PlaneId[] = [
    "grads",
    ...slots.keys(),
    ...(groups.some(({ scratch }) => scratch !== "none") ? (["scratch"] as const) : []),
    ...(keepsUpdates ? (["updates"] as const) : []),
  ];
  const { maxStorageBufferBindingSize, maxBufferSize, maxStorageBuffersPerShaderStage } = device.limits;
  const merges = groups.some((group) => bindingsOf(group) > maxStorageBuffersPerShaderStage);
  device.pushErrorScope("validation");
  device.pushErrorScope("out-of-memory");
  const planes = new Planes(gpu, program, ids, places, merges, Math.min(maxStorageBufferBindingSize, maxBufferSize));
  const tables = new Tables(gpu, program, planes.pieces);
  const errors = [await device.popErrorScope(), await device.popErrorScope()];
  const values = program.groups.map((group, g) => new StepValues(group, program.births[g]!));
  const engine = new GpuEngine(gpu, program, values, planes, tables, keepsUpdates, backend);
  try {
    const [error] = errors.filter((error) => error !== null);
    if (error) throw new RangeError(`the device has no room for ${planes.bytes} bytes of planes: ${error.message}`);
    await engine.compile();
    if (gpu.lost) throw lostError(gpu.lost);
  } catch (error) {
    for (const own of [planes, tables, engine.passes]) own.destroy();
    throw error;
  }
  const host = plan?.host ?? newHost(program.chain);
  let carried = null;
  if (source) {
    const kept = new HostPlanes(program);
    const views = new PlaneViews(program, kept);
    writeLeaves(views.leaves("params"), found);
    carried = carry(program, views, source);
    kept.upload(planes);
  } else {
    writeFound(planes, "params", program, found);
    slots.forEach(({ initial }, slot) => {
      if (initial === "params") planes.copy("params", slot);
      else if (initial !== 0) planes.fill(slot, initial);
    });
  }
  const runner = new Runner(program, engine, values, host);
  return new GpuOptimizer<T>({ gpu, program, host, values, engine, planes, tables, runner, keepsUpdates }, carried);
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

async function requestDevice(): Promise<GPUDevice> {
  const adapter = await globalThis.navigator?.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new Error(
      'the webgpu backend cannot run here: no adapter was found; init takes a device of yours: { backend: "webgpu", device }',
    );
  }
  const { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage } = adapter.limits;
  return adapter.requestDevice({
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize, maxStorageBuffersPerShaderStage },
  });
}
