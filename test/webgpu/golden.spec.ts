// The golden cases of other libraries, on a device.

import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { GpuOptimizer } from "../../src/index.ts";
import {
  allCalls,
  expectLeaves,
  type GoldenCase,
  type GoldenFile,
  type GoldenStep,
  has,
  Largest,
  leavesOf,
  makeUpdate,
  type Plan,
  planCase,
  someElement,
  toTree,
  Waiting,
} from "../support/golden/index.ts";
import { readGolden } from "../support/golden/read.ts";
import { openDevice } from "./device.mjs";

/** As in test/golden.test.ts: it holds for every backend. */
const TOLERANCE = 2e-5;

let device: GPUDevice;
beforeAll(async () => {
  device = await openDevice();
});

/** The bound at a step. */
function toleranceOf({ dialect }: GoldenFile, plan: Plan): (step: number) => number {
  const exception = allCalls(plan)
    .map(dialect.exception)
    .find((found) => found !== null);
  return (step) => (exception && step >= exception.from ? exception.tolerance : TOLERANCE);
}

/** Two optimizers on the way of a case: one by `update()` and `apply()`, one by `step()`. */
async function run(golden: GoldenFile, plan: Plan, { params, steps }: GoldenCase): Promise<void> {
  const make = () => makeUpdate(plan).init(toTree(params), { backend: "webgpu", device }) as Promise<GpuOptimizer>;
  const [inTwo, inOne] = [await make(), await make()];
  const toleranceAt = toleranceOf(golden, plan);
  const largest = new Largest().add(params);
  const isGated = has(plan, ["accumulate"]);
  for (const [i, step] of steps.entries()) {
    const told = step.value === undefined ? undefined : { value: Number(step.value) };
    const tolerance = toleranceAt(i);
    const { updates } = step;
    largest.add(...(updates ? [updates] : []), step.params);
    inTwo.update(toTree(step.grads) as never, told);
    const found = inTwo.read("grads");
    inTwo.apply();
    const changed = inOne.step(toTree(step.grads) as never, told);
    expect(changed, `step ${i}`).toBe(!isGated || someElement(updates!, (x) => x !== 0));
    if (updates) expectUpdates(leavesOf(await found), updates, tolerance, `at step ${i}: update()`);
    for (const [name, optimizer] of Object.entries({ "apply()": inTwo, "step()": inOne })) {
      const where = `at step ${i}: params after ${name}`;
      expectLeaves(leavesOf(await optimizer.read("params")), step.params, tolerance, where, largest.byPath);
    }
    if (step.slow) await expectSlow(inOne, step, tolerance, largest);
  }
  for (const optimizer of [inTwo, inOne]) optimizer.dispose();
}

/** Frozen leaves have no place among the updates. */
function expectUpdates(found: ReturnType<typeof leavesOf>, ...rest: readonly [GoldenStep["params"], number, string]) {
  const wanted = leavesOf(rest[0]);
  const all = [...wanted].map(([path, values]) => [path, found.get(path) ?? new Float32Array(values.length)] as const);
  expectLeaves(new Map(all), ...rest);
}

async function expectSlow(optimizer: GpuOptimizer, { slow }: GoldenStep, tolerance: number, largest: Largest) {
  const state = (await optimizer.read("state")).find((rule) => Object.hasOwn(rule, "slow"))!;
  const params = leavesOf(await optimizer.read("params"));
  expectLeaves(new Map([...params, ...leavesOf(state.slow)]), slow!, tolerance, "slow", largest.byPath);
}

for (const golden of readGolden(fileURLToPath(new URL("../golden", import.meta.url)))) {
  const plans = golden.cases.map((entry) => ({ entry, plan: planCase(golden.dialect, entry) }));
  const held = plans.flatMap(({ entry, plan }) => (plan instanceof Waiting ? [] : [{ entry, plan }]));
  const here = held.filter(({ plan }) => !has(plan, ["skipNonFinite"]));
  describe(`${golden.file}: updates and parameters within ${TOLERANCE} of the leaf's largest magnitude`, () => {
    for (const { entry, plan } of here) it(entry.name, () => run(golden, plan, entry));

    it("what a device does not have is refused by name", async () => {
      for (const { entry, plan } of held) {
        if (here.some((other) => other.entry === entry)) continue;
        const made = makeUpdate(plan).init(toTree(entry.params), { backend: "webgpu", device });
        await expect(made).rejects.toThrow('the webgpu backend has no "skipNonFinite" yet');
      }
    });
  });
}

afterAll(() => device.destroy());
