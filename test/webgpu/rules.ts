// Every rule three times over: the reference arithmetic in double precision, the body in AssemblyScript and the function in
// WGSL, from the same parameters, gradients and state. And NaN, infinities, zeros of both signs, the largest and the
// smallest numbers: on a device as on wasm.

import fc from "fast-check";
import type * as bodies from "../../src/generated/bodies.ts";
import type { GpuOptimizer, Update } from "../../src/index.ts";
import * as lanestep from "../../src/index.ts";
import { anyRule, anyWrapper, build, type RuleSpec, ruleNames, wrapperNames } from "../oracle/arbitrary.ts";
import { prepareStep, type Spread } from "../oracle/rules.ts";
import { type Check, type Deviations, Worst } from "./check.ts";
import { NORM_OF_LARGE, SPECIAL_FROM_WASM } from "./tolerances.ts";

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

const leavesOf = (tree: object): Float32Array[] => Object.values(tree);

/** The worst element of a step on wasm and on the device, against reference. */
async function compare(device: GPUDevice, spec: RuleSpec, seed: number, warmUp: number, spread: Spread) {
  const { wasm, told, update, worstOf, wasmPlanes } = prepareStep(spec, seed, warmUp, spread);
  // What wasm has come to, by way of a checkpoint.
  const gpu = await build(lanestep, [spec]).restore(wasm.save(), undefined, { backend: "webgpu", device });
  const grads = wasm.snapshot("grads");
  update();
  gpu.update(grads as never, told);
  const state = (await gpu.read("state"))[0] ?? {};
  const planes = [...Object.entries(state), ["update", await gpu.read("grads")] as const];
  const onDevice = worstOf(planes.map(([name, tree]) => [name, leavesOf(tree as object)] as const));
  gpu.dispose();
  return { wasm: worstOf(wasmPlanes()), webgpu: onDevice };
}

/** @param runs how often, and from which seed */
function ruleChecks(runs: fc.Parameters<unknown>): Check[] {
  const spreads = fc.constantFrom<Spread[]>("leaf", "element", "equal");
  const alone = [
    ...ruleNames.filter((name) => !ELSEWHERE.includes(name)).map((name) => [name, anyRule([name])] as const),
    ...wrapperNames.filter((name) => !ELSEWHERE.includes(name)).map((name) => [name, anyWrapper(name)] as const),
  ];
  return alone.map(([name, specs]) => {
    const { tolerance, deviceTolerance = tolerance } = build(lanestep, fc.sample(specs, 1)).rules[0]!.rule;
    const allowed = { wasm: tolerance, webgpu: deviceTolerance };
    return {
      name: `${name} within ${deviceTolerance.toExponential()} of reference, relative to its terms`,
      async run(device) {
        const all = new Worst();
        const property = fc.asyncProperty(specs, fc.nat(), fc.nat(3), spreads, async (...given) => {
          const { wasm, webgpu } = await compare(device, ...given);
          for (const [backend, { error, words }] of Object.entries({ wasm, webgpu })) {
            if (!(error <= allowed[backend as keyof typeof allowed])) {
              throw new Error(`${backend}: off by ${error}: ${words}`);
            }
          }
          all.add({ [`reference (${deviceTolerance.toExponential()} allowed)`]: webgpu.error });
        });
        await fc.assert(property, runs);
        return all.found;
      },
    };
  });
}

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

/** Throws unless they are the same; what is no number has to be met as such. */
function expectNear(found: number, wanted: number, tolerance: number, where: string): void {
  const isNear = Number.isFinite(wanted)
    ? Math.abs(found - wanted) <= tolerance * Math.abs(wanted) + SUBNORMAL
    : Object.is(found, wanted);
  if (!isNear) throw new Error(`${where}: ${found}, wasm has ${wanted}`);
}

/** A chain for each body. */
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

type OneLeaf = { readonly w: Float32Array };

async function runSpecial(make: () => Update, device: GPUDevice): Promise<Deviations> {
  const start: OneLeaf = { w: Float32Array.from(special, (_, i) => i - 5) };
  const wasm = make().initSync(start);
  const gpu = await make().init(start, { backend: "webgpu", device });
  // Every number meets every other one.
  for (let step = 0; step < special.length; step++) {
    const grads = { w: Float32Array.from(special, (_, i) => special[(i * (step + 1)) % special.length]!) };
    gpu.update(grads);
    const [{ w }, [state]] = [await gpu.read("grads"), await gpu.read("state")];
    const found = [w, ...valuesOf(state)];
    const expected = [wasm.update(grads).w, ...valuesOf(wasm.state[0])];
    found.forEach((values, plane) => {
      values.forEach((x, i) => {
        const wanted = expected[plane]![i]!;
        expectNear(x, wanted, SPECIAL_FROM_WASM, `step ${step}, plane ${plane}, element ${i}`);
      });
    });
    wasm.apply();
    gpu.apply();
  }
  wasm.dispose();
  gpu.dispose();
  return {};
}

const valuesOf = (state: object | undefined) => Object.values(state ?? {}).map((tree) => (tree as OneLeaf).w);

const large = new Float32Array(5000).fill(2);
const norms: readonly (readonly [name: string, update: Update])[] = [
  ["clipByGlobalNorm", clipByGlobalNorm()],
  ["clipByGlobalNorm, the largest magnitude", clipByGlobalNorm({ order: Number.POSITIVE_INFINITY })],
  ["clipByGlobalNorm to nothing", clipByGlobalNorm({ maxNorm: 0 })],
  ["scaleByTrustRatio", scaleByTrustRatio()],
];

async function runSpecialNorm(update: Update, device: GPUDevice): Promise<Deviations> {
  const start = { a: large, w: Float32Array.of(1, 2, 3), none: new Float32Array(0) };
  const wasm = update.initSync(start);
  const gpu: GpuOptimizer<typeof start> = await update.init(start, { backend: "webgpu", device });
  for (const x of special) {
    // Alone, and the largest of others.
    for (const a of [new Float32Array(5000), large]) {
      const grads = { a, w: Float32Array.of(0, x, 0), none: new Float32Array(0) };
      gpu.update(grads);
      const found = await gpu.read("grads");
      const expected = wasm.update(grads);
      for (const name of ["a", "w"] as const) {
        found[name].forEach((y, i) => {
          expectNear(y, expected[name][i]!, NORM_OF_LARGE, `${x}: ${name}[${i}]`);
        });
      }
      wasm.apply();
      gpu.apply();
      wasm.params.w.fill(1);
      wasm.params.a.fill(1);
      await gpu.load(wasm.save());
    }
  }
  wasm.dispose();
  gpu.dispose();
  return {};
}

const specialChecks: readonly Check[] = [
  ...Object.entries(updates).map(([name, make]) => ({
    name: `${name}: NaN, infinities, zeros of both signs, the largest and the smallest numbers as on wasm`,
    run: (device: GPUDevice) => runSpecial(make, device),
  })),
  ...norms.map(([name, update]) => ({
    name: `${name}: NaN, infinities, zeros of both signs, the largest and the smallest numbers as on wasm`,
    run: (device: GPUDevice) => runSpecialNorm(update, device),
  })),
];

/** @param runs how often a rule is compared, and from which seed */
export const rulesChecks = (runs: fc.Parameters<unknown>): Check[] => [...ruleChecks(runs), ...specialChecks];
