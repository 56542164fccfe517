// Every rule three times over: the reference arithmetic in double precision, the body in AssemblyScript and the function in
// WGSL, from the same parameters, gradients and state.

import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import type { bodies } from "../../src/generated/bodies.ts";
import type { Update } from "../../src/index.ts";
import * as lanestep from "../../src/index.ts";
import { anyRule, anyWrapper, build, type RuleSpec, ruleNames, runs, wrapperNames } from "../oracle/arbitrary.ts";
import { prepareStep, type Spread } from "../oracle/rules.ts";
import { openDevice } from "./device.mjs";

const {
  averageParams,
  clip,
  clipByGlobalNorm,
  ema,
  identity,
  lookahead,
  scaleByAdadelta,
  scaleByAdam,
  scaleByAdamax,
  scaleByBelief,
  scaleByLion,
  scaleByRadam,
  scaleByRms,
  scaleByRss,
  scaleByStddev,
  scaleByTrustRatio,
  scaleByYogi,
  trace,
  zeroNans,
} = lanestep;

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

describe("NaN, infinities, zeros of both signs, the largest and the smallest numbers, as on wasm", () => {
  const special = [
    Number.NaN,
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    0,
    -0,
    1e37,
    -1e37,
    1e20,
    1e-18,
    1,
    -2,
  ];
  /** What a device may take for zero. */
  const SUBNORMAL = 2 ** -126;
  const updates = {
    adadelta: () => scaleByAdadelta(),
    adam: () => scaleByAdam(),
    adamax: () => scaleByAdamax(),
    belief: () => scaleByBelief(),
    lion: () => scaleByLion(),
    momentum: () => scaleByRadam(),
    yogi: () => scaleByYogi(),
    rms: () => scaleByRms(),
    rss: () => scaleByRss({ initialAccumulatorValue: 0 }),
    stddev: () => scaleByStddev(),
    trace: () => trace(),
    nesterov: () => trace({ nesterov: true }),
    ema: () => ema({ decay: 0.9 }),
    average: () => averageParams(),
    lookahead: () => lookahead(identity(), { every: 1 }),
    clip: () => clip({ delta: 1 }),
    zeroNans: () => zeroNans(),
  } satisfies Record<keyof typeof bodies, () => Update>;

  it.each(Object.entries(updates))("%s", async (_name, make) => {
    const start = { w: Float32Array.from(special, (_, i) => i - 5) };
    const wasm = make().initSync(start);
    const gpu = await make().init(start, { backend: "webgpu", device });
    // Every number meets every other one.
    for (let step = 0; step < special.length; step++) {
      const grads = { w: Float32Array.from(special, (_, i) => special[(i * (step + 1)) % special.length]!) };
      const [found, state] = await both(gpu, grads);
      const expected = [wasm.update(grads), ...Object.values(wasm.state[0]!)].map(
        (tree) => (tree as { w: Float32Array }).w,
      );
      [found, ...state].forEach((values, plane) => {
        values.forEach((x, i) => {
          const wanted = expected[plane]![i]!;
          const where = `step ${step}, plane ${plane}, element ${i}: ${x}, wasm has ${wanted}`;
          if (Number.isFinite(wanted))
            expect(Math.abs(x - wanted), where).toBeLessThan(1e-6 * Math.abs(wanted) + SUBNORMAL);
          else expect(x, where).toBe(wanted);
        });
      });
      wasm.apply();
      gpu.apply();
    }
    gpu.dispose();
  });

  const large = new Float32Array(5000).fill(2);
  it.each([
    ["clipByGlobalNorm", clipByGlobalNorm()],
    ["clipByGlobalNorm, the largest magnitude", clipByGlobalNorm({ order: Number.POSITIVE_INFINITY })],
    ["clipByGlobalNorm to nothing", clipByGlobalNorm({ maxNorm: 0 })],
    ["scaleByTrustRatio", scaleByTrustRatio()],
  ] as const)("%s", async (_name, update) => {
    const start = { a: large, w: Float32Array.of(1, 2, 3), none: new Float32Array(0) };
    const wasm = update.initSync(start);
    const gpu = await update.init(start, { backend: "webgpu", device });
    for (const x of special) {
      // Alone, and the largest of others.
      for (const a of [new Float32Array(5000), large]) {
        const grads = { a, w: Float32Array.of(0, x, 0), none: new Float32Array(0) };
        gpu.update(grads);
        const found = await gpu.read("grads");
        const expected = wasm.update(grads);
        for (const name of ["a", "w"] as const) {
          found[name].forEach((y, i) => {
            const wanted = expected[name][i]!;
            const where = `${x}: ${name}[${i}] is ${y}, wasm has ${wanted}`;
            if (Number.isNaN(wanted) ? !Number.isNaN(y) : Math.abs(y - wanted) > 1e-5 * Math.abs(wanted))
              throw new Error(where);
          });
        }
        wasm.apply();
        gpu.apply();
        wasm.params.w.fill(1);
        wasm.params.a.fill(1);
        await gpu.load(wasm.save());
      }
    }
    gpu.dispose();
  });

  async function both(gpu: lanestep.GpuOptimizer<{ w: Float32Array }>, grads: { w: Float32Array }) {
    gpu.update(grads);
    const [{ w }, [state]] = [await gpu.read("grads"), await gpu.read("state")];
    return [w, Object.values(state ?? {}).map((tree) => (tree as { w: Float32Array }).w)] as const;
  }
});
