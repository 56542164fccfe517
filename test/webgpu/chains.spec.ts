// Random chains on a device, against wasm: what folds, what cuts, groups and gates; on devices that cut planes into pieces,
// or bind few buffers, too.

import fc from "fast-check";
import { describe, it } from "vitest";
import * as lanestep from "../../src/index.ts";
import {
  anyChain,
  anyNested,
  build,
  fill,
  positive,
  type RuleSpec,
  ruleNames,
  runs,
  wrapperNames,
} from "../oracle/arbitrary.ts";
import { deviation } from "../support/close.ts";
import { openDevice } from "./device.mjs";

/** Of six rules, relative to a leaf: as in test/property.test.ts. */
const TOLERANCE = 1e-4;

const TREE = {
  a: { shape: [64] },
  b: { shape: [3, 100] },
  c: { shape: [200] },
  d: { shape: [70_000] },
  e: { shape: [2, 500] },
  f: [{ shape: [7] }, { shape: [5, 3] }],
};

const told = (step: number) => ({ value: 1 / (1 + (step % 3)) });

/** All numbers of a tree, leaf by leaf. */
const leavesOf = (tree: unknown): Float32Array[] =>
  tree instanceof Float32Array ? [tree] : Object.values(tree ?? {}).flatMap(leavesOf);

const steps = 3;

/** Some steps on both, from the same parameters and state; the largest deviation relative to a leaf. */
async function compare(device: GPUDevice, chain: readonly RuleSpec[], seed: number, warmUp: number) {
  const wasm = build(lanestep, chain).initSync(TREE, { backend: "wasm" });
  let next = seed;
  const draw = (tree: unknown) => fill(leavesOf(tree), { kind: "normal", seed: next++ });
  draw(wasm.params);
  for (let step = 0; step < warmUp; step++) {
    draw(wasm.grads);
    wasm.step(wasm.grads as never, told(step));
  }
  const gpu = await build(lanestep, chain).restore(wasm.save(), undefined, { backend: "webgpu", device });
  for (let step = warmUp; step < warmUp + steps; step++) {
    draw(wasm.grads);
    const grads = wasm.snapshot("grads");
    const changed = wasm.step(wasm.grads as never, told(step));
    if (gpu.step(grads as never, told(step)) !== changed) throw new Error(`step ${step} is ${changed} on wasm alone`);
  }
  const [params, state] = [await gpu.read("params"), await gpu.read("state")];
  gpu.dispose();
  const expected = [...leavesOf(wasm.params), ...leavesOf(wasm.state)];
  const found = [...leavesOf(params), ...leavesOf(state)];
  if (found.length !== expected.length) throw new Error(`${found.length} leaves, expected ${expected.length}`);
  found.forEach((leaf, i) => {
    if (!expected[i]!.every(Number.isFinite)) return;
    const { relative, index } = deviation(leaf, expected[i]!);
    if (relative > TOLERANCE) {
      throw new Error(`leaf ${i}[${index}] is ${leaf[index]}, wasm has ${expected[i]![index]}: off by ${relative}`);
    }
  });
}

const continuous = ruleNames.filter((name) => !/Lion|Yogi|Stddev|Belief|half/.test(name));
const gates = wrapperNames.filter((name) => name === "accumulate");

const trustRatio = { rule: "scaleByTrustRatio", options: {} };
const clipping = { rule: "clipByGlobalNorm", options: { maxNorm: 0.5 } };

/** What random chains seldom have together. */
const fixed: readonly RuleSpec[][] = [
  // 0/0 behind the end of each leaf, in front of what measures it.
  [{ rule: "scaleByRms", options: { eps: 0 } }, trustRatio, clipping],
  // Leaves that are cut: their chunks, their noise, their norms.
  [clipping, { rule: "addNoise", options: {} }, { rule: "scaleByAdam", options: {} }, trustRatio],
  [{ rule: "addDecayedWeights", options: { decay: 0.1 } }, { rule: "centralize", options: {} }, trustRatio],
  // A norm over the groups that are there.
  [
    {
      rule: "partition",
      options: {},
      groups: [[{ rule: "accumulate", options: { every: 3 }, inner: [] }], []],
      seed: 1,
    },
    clipping,
  ],
];

const groups = anyNested(continuous, gates).map(positive);
/** Rows that a device is to centre must fit in a binding. */
const uncentred = anyNested(
  continuous.filter((name) => name !== "centralize"),
  gates,
).map(positive);

describe(`within ${TOLERANCE} of the leaf's largest magnitude`, () => {
  it.each([
    ["chains of 2 to 6 rules", {}, anyChain(continuous, 2).map(positive), 15],
    ["chains with groups and gates", {}, groups, 15],
    ["the same on a device whose bindings hold eight chunks", { maxStorageBufferBindingSize: 131_072 }, groups, 8],
    ["the same on a device whose bindings hold half a chunk", { maxStorageBufferBindingSize: 8192 }, uncentred, 4],
    ["the same on a device that binds few buffers", { maxStorageBuffersPerShaderStage: 1 }, groups, 8],
    ["the same on a device with few groups of threads", { maxComputeWorkgroupsPerDimension: 2 }, groups, 8],
  ] as const)("%s", async (_name, limits, chains, count) => {
    const device = await openDevice(limits);
    const property = fc.asyncProperty(chains, fc.nat(), fc.nat(5), (...given) => compare(device, ...given));
    const centres = (chain: readonly RuleSpec[]) => chain.some(({ rule }) => rule === "centralize");
    const wanted = chains === uncentred ? fixed.filter((chain) => !centres(chain)) : fixed;
    const examples = wanted.map((chain): [RuleSpec[], number, number] => [chain, 1, 2]);
    await fc.assert(property, { ...runs(count), examples } as fc.Parameters<[RuleSpec[], number, number]>);
    device.destroy();
  });
});
