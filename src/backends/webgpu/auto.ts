// The backend "auto": from how many parameters on a device is faster, as measured on it. What is measured is what its
// caller does, whose gradients stand on the host: step(grads), and new parameters back. Of Adam, as a line over the number
// of parameters, on the host and on the device; the crossover is where the two meet.

import type { Optimizer } from "../../optimizer/optimizer.ts";
import { adam } from "../../optimizers.ts";
import type { Program } from "../../program/program.ts";
import { Gpu } from "./gpu.ts";
import type { GpuOptimizer } from "./optimizer.ts";

/**
 * Below this many parameters nothing is measured. The least that a device takes, whatever it is, is to be told and to
 * answer. A submission that does nothing and 16 bytes mapped: 55 µs in Dawn with no process between (Node), as long as wasm
 * takes for 50,000 parameters there; 300 µs in Chromium, 80 of wasm for so many as these; 10 ms in Deno.
 */
export const LEAST = 2 ** 15;

/** Parameters: one size at which the way there and back counts, and one at which the numbers do. */
const SMALL = 2 ** 14;
const LARGE = 2 ** 18;
/** In the place of the latter, where that takes the device less than so many ms. */
const LARGEST = 2 ** 20;
const SHORT = 5;

/**
 * Steps are timed in rounds of so many ms, and the shortest counts, as any may be interrupted. Two will do where a step
 * takes long, as it does on a device in software.
 */
const ROUNDS = 3;
const ROUND = 4;
const LONG = 10;

/** ms that a step takes at two sizes. */
interface Times {
  readonly small: number;
  readonly large: number;
}

/** What was found on a device. */
export interface Measured {
  /** Parameters. Infinity where the device is never faster. */
  readonly crossover: number;
  readonly words: string;
}

/** Where the lines through the times at two sizes meet, from which on the device is faster. */
export function crossoverOf(host: Times, device: Times, small: number, large: number): number {
  const slope = ({ small: a, large: b }: Times) => (b - a) / (large - small);
  const gained = slope(host) - slope(device);
  return gained > 0 ? Math.max(0, Math.ceil(small + (device.small - host.small) / gained)) : Number.POSITIVE_INFINITY;
}

/** Parameters that are not frozen. */
const sizeOf = ({ layout, groups }: Program): number =>
  layout.leaves.reduce((sum, { group, length }) => (group < groups.length ? sum + length : sum), 0);

/**
 * @param given the caller's crossover: nothing is measured then
 * @param deviceOf asked for where it is needed: it may have to be requested
 */
export async function choose(
  program: Program,
  given: number | undefined,
  deviceOf: () => Promise<GPUDevice>,
): Promise<{ readonly onDevice: boolean; readonly reason: string }> {
  const size = sizeOf(program);
  const reason = (why: string) => `"auto": ${size} parameters, and ${why}`;
  if (given !== undefined)
    return { onDevice: size >= given, reason: reason(`a device was asked for from ${given} on`) };
  if (size < LEAST) return { onDevice: false, reason: reason(`no device is faster below ${LEAST}`) };
  const device = await deviceOf();
  const gpu = Gpu.of(device);
  gpu.measured ??= measure(device).catch((error) => {
    gpu.measured = null;
    throw error;
  });
  const { crossover, words } = await gpu.measured;
  return { onDevice: size >= crossover, reason: reason(words) };
}

async function measure(device: GPUDevice): Promise<Measured> {
  const onDevice = (length: number) => timeOf(length, (params) => adam().init(params, { backend: "webgpu", device }));
  const onHost = (length: number) => timeOf(length, (params) => adam().init(params, { warn: false }));
  const small = await onDevice(SMALL);
  let length = LARGE;
  let large = await onDevice(length);
  if (large < SHORT) {
    length = LARGEST;
    large = await onDevice(length);
  }
  const host = { small: await onHost(SMALL), large: await onHost(length) };
  const crossover = crossoverOf(host, { small, large }, SMALL, length);
  const faster = crossover === Number.POSITIVE_INFINITY ? "at no size" : `from ${crossover} on`;
  const times = `${large.toFixed(2)} ms for a step of ${length}, the host ${host.large.toFixed(2)}`;
  return { crossover, words: `this device is faster ${faster} (measured: ${times})` };
}

type Model = { readonly w: { readonly shape: readonly [number] } };

/** ms that a step takes, with gradients from the host and new parameters back. */
async function timeOf(
  length: number,
  init: (params: Model) => Promise<Optimizer<Model> | GpuOptimizer<Model>>,
): Promise<number> {
  const optimizer = await init({ w: { shape: [length] } });
  try {
    const grads = { w: new Float32Array(length).fill(1) };
    const step = () => {
      optimizer.step(grads);
      return optimizer.read("params");
    };
    const now = () => globalThis.performance.now();
    // The first time memory is touched and code is warmed.
    await step();
    let best = Number.POSITIVE_INFINITY;
    for (let round = 0; round < (best < LONG ? ROUNDS : 2); round++) {
      const begin = now();
      let steps = 0;
      do {
        await step();
        steps += 1;
      } while (now() - begin < ROUND);
      best = Math.min(best, (now() - begin) / steps);
    }
    return best;
  } finally {
    optimizer.dispose();
  }
}
