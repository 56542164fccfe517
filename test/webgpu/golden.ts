// The golden cases of other libraries, on a device: held to their numbers, and to what wasm makes of the same case.

import type { GpuOptimizer } from "../../src/index.ts";
import { deviation } from "../support/close.ts";
import {
  expectLeaves,
  expectSame,
  type GoldenFile,
  type GoldenStep,
  has,
  Largest,
  leavesOf,
  makeUpdate,
  someElement,
  toTree,
} from "../support/golden/index.ts";
import { type HeldCase, holdFile } from "../support/golden/run.ts";
import type { Check, Deviations } from "./check.ts";
import { FROM_WASM } from "./tolerances.ts";

type Leaves = ReturnType<typeof leavesOf>;

/** Holds leaves, and remembers the largest deviations. */
class Held {
  readonly worst: Record<string, number> = {};

  leaves(
    from: "the file" | "wasm",
    found: Leaves,
    expected: unknown,
    tolerance: number,
    where: string,
    largest?: ReadonlyMap<string, number>,
  ): void {
    expectLeaves(found, expected as GoldenStep["params"], tolerance, `${where}, from ${from}`, largest);
    for (const [path, values] of leavesOf(expected)) {
      const { relative } = deviation(found.get(path)!, values, largest?.get(path));
      const of = `${from} (${tolerance.toExponential()} allowed)`;
      this.worst[of] = Math.max(this.worst[of] ?? 0, relative);
    }
  }
}

/** Two optimizers on the way of a case: one by `update()` and `apply()`, one by `step()`; and one on wasm. */
async function run({ plan, entry, steps, toleranceAt }: HeldCase, device: GPUDevice): Promise<Deviations> {
  const params = toTree(entry.params);
  const make = () => makeUpdate(plan).init(params, { backend: "webgpu", device }) as Promise<GpuOptimizer>;
  const [inTwo, inOne] = [await make(), await make()];
  const wasm = makeUpdate(plan).initSync(params, { backend: "wasm" });
  const held = new Held();
  const largest = new Largest().add(entry.params);
  const isGated = has(plan, ["accumulate"]);
  for (const [i, step] of steps.entries()) {
    const given = [toTree(step.grads), ...(step.value === undefined ? [] : [{ value: Number(step.value) }])] as const;
    const tolerance = toleranceAt(i);
    const { updates } = step;
    largest.add(...(updates ? [updates] : []), step.params);
    // Both from the device's numbers: where parameters cancel, what has come together before is no fault of this step.
    await wasm.load(await inTwo.save());
    inTwo.update(...given);
    const reading = inTwo.read("grads");
    inTwo.apply();
    const changed = inOne.step(...given);
    expectSame(`step ${i}: what step() returns`, changed, !isGated || someElement(updates!, (x) => x !== 0));
    const found = leavesOf(await reading);
    const onWasm = wasm.update(...given);
    held.leaves("wasm", withFrozen(found, onWasm), onWasm, FROM_WASM, `at step ${i}: update()`);
    if (updates) held.leaves("the file", withFrozen(found, updates), updates, tolerance, `at step ${i}: update()`);
    for (const [name, optimizer] of Object.entries({ "apply()": inTwo, "step()": inOne })) {
      const now = leavesOf(await optimizer.read("params"));
      held.leaves("the file", now, step.params, tolerance, `at step ${i}: params after ${name}`, largest.byPath);
    }
    wasm.apply();
    const [now, where] = [leavesOf(await inTwo.read("params")), `at step ${i}: params after apply()`];
    held.leaves("wasm", now, wasm.params, FROM_WASM, where, largest.byPath);
    if (step.slow) held.leaves("the file", await slowOf(inOne), step.slow, tolerance, "slow", largest.byPath);
  }
  for (const optimizer of [inTwo, inOne, wasm]) optimizer.dispose();
  return held.worst;
}

/** Frozen leaves have no place among the updates. */
function withFrozen(found: Leaves, updates: unknown): Leaves {
  const wanted = leavesOf(updates);
  return new Map([...wanted].map(([path, values]) => [path, found.get(path) ?? new Float32Array(values.length)]));
}

async function slowOf(optimizer: GpuOptimizer): Promise<Leaves> {
  const { slow } = (await optimizer.read("state")).find((rule) => Object.hasOwn(rule, "slow"))!;
  return new Map([...leavesOf(await optimizer.read("params")), ...leavesOf(slow)]);
}

/** What a device does not have is refused by name. */
async function refuse(cases: readonly HeldCase[], device: GPUDevice): Promise<Deviations> {
  for (const { plan, entry, name } of cases) {
    const made = makeUpdate(plan).init(toTree(entry.params), { backend: "webgpu", device });
    const words = await made.then(
      () => "nothing was refused",
      (error) => String(error),
    );
    if (!words.includes('the webgpu backend has no "skipNonFinite" yet')) throw new Error(`${name}: ${words}`);
  }
  return {};
}

/** The cases of a file that run on a device, and that the others are refused. */
export function goldenChecks(golden: GoldenFile): Check[] {
  const { cases } = holdFile(golden);
  const isRefused = ({ plan }: HeldCase) => has(plan, ["skipNonFinite"]);
  const refused = cases.filter(isRefused);
  return [
    ...cases
      .filter((held) => !isRefused(held))
      .map((held) => ({
        name: `${golden.file}: ${held.name}: ${held.bound}, of wasm ${FROM_WASM.toExponential()}`,
        run: (device: GPUDevice) => run(held, device),
      })),
    {
      name: `${golden.file}: ${refused.length} cases with skipNonFinite are refused by name`,
      run: (device) => refuse(refused, device),
    },
  ];
}
