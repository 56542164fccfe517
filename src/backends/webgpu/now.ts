// An optimizer on a device at once, for libraries whose steps wait for nothing.

import { carry } from "../../optimizer/carry.ts";
import { sourceOf } from "../../optimizer/from.ts";
import type { Optimizer } from "../../optimizer/optimizer.ts";
import type { Program } from "../../program/program.ts";
import { newHost } from "../../program/values.ts";
import { readTree } from "../../tree/layout.ts";
import type { Update } from "../../update.ts";
import { matchBindings, uses } from "./bindings.ts";
import { copyPlaces } from "./copies.ts";
import { Gpu } from "./gpu.ts";
import type { GpuOptimizer } from "./optimizer.ts";
import { PlaneLeaves } from "./plane-leaves.ts";
import { deviceLayout } from "./planes.ts";
import { allot, beginSlots, optimizerOf, refuse } from "./webgpu.ts";

/**
 * Shaders are compiled when they are first wanted: no `encode()` with this one.
 *
 * @param tree of shapes
 * @param params bindings: where the parameters stand on the device, from where they are copied
 * @param from an optimizer to go on from: its planes may be on the same device
 * @returns `room`: rejected with a RangeError where the device had none; what was submitted by then came to nothing
 * @throws Error for a rule that a device does not have
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
  const { parts, room } = allot(
    Gpu.of(device),
    program,
    plan?.host ?? newHost(program.chain),
    {},
    keepsUpdates,
    "asked for",
  );
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
  return { optimizer: optimizerOf(parts, carried), room };
}
