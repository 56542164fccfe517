// Every rule three times over: the reference arithmetic in double precision, the body in AssemblyScript and the function in
// WGSL, from the same parameters, gradients and state.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { bodies } from "../../src/generated/bodies.ts";
import { wgsl } from "../../src/generated/wgsl.ts";
import * as lanestep from "../../src/index.ts";
import { anyRule, anyWrapper, build, type RuleSpec, ruleNames, runs, wrapperNames } from "../oracle/arbitrary.ts";
import { prepareStep, type Spread } from "../oracle/rules.ts";
import { openDevice } from "./device.mjs";

/** Rules that a device does not have: those of a user's own, and those that decide on the host. */
const ELSEWHERE = ["half", "skipNonFinite"];

let device: GPUDevice;
beforeAll(async () => {
  device = await openDevice();
});

const leavesOf = (tree: object): Float32Array[] => Object.values(tree);

/** The worst element of a step on wasm and on the device, against reference. */
async function compare(spec: RuleSpec, seed: number, warmUp: number, spread: Spread) {
  const { wasm, told, update, worstOf, wasmPlanes } = prepareStep(spec, seed, warmUp, spread);
  const made = build(lanestep, [spec]);
  // What wasm has come to, by way of a checkpoint.
  const gpu = await made.restore(wasm.save(), undefined, { backend: "webgpu", device });
  const grads = wasm.snapshot("grads");
  update();
  gpu.update(grads as never, told);
  const state = (await gpu.read("state"))[0] ?? {};
  const planes = [...Object.entries(state), ["update", await gpu.read("grads")] as const];
  const onDevice = worstOf(planes.map(([name, tree]) => [name, leavesOf(tree as object)] as const));
  gpu.dispose();
  return { wasm: worstOf(wasmPlanes()), webgpu: onDevice };
}

describe("reference, AssemblyScript and WGSL: one step from the same state, each element relative to its terms", () => {
  const spreads = fc.constantFrom<Spread[]>("leaf", "element", "equal");
  const alone = [
    ...ruleNames.filter((name) => !ELSEWHERE.includes(name)).map((name) => [name, anyRule([name])] as const),
    ...wrapperNames.filter((name) => !ELSEWHERE.includes(name)).map((name) => [name, anyWrapper(name)] as const),
  ];

  for (const [name, specs] of alone) {
    const { tolerance } = build(lanestep, fc.sample(specs, 1)).rules[0]!.rule;
    it(`${name} within ${tolerance.toExponential()}`, async () => {
      const property = fc.asyncProperty(specs, fc.nat(), fc.nat(3), spreads, async (...given) => {
        const worst = await compare(...given);
        for (const [backend, { error, words }] of Object.entries(worst)) {
          if (!(error <= tolerance)) throw new Error(`${backend}: off by ${error}: ${words}`);
        }
      });
      await fc.assert(property, runs(20));
    });
  }
});

describe("the sets agree", () => {
  it("functions in WGSL and bodies, with their slots and constants", () => {
    expect(Object.keys(wgsl.bodies).sort()).toEqual(Object.keys(bodies).sort());
  });
});
