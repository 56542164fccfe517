import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, describe, expect, it } from "vitest";
import type { Update } from "../src/index.ts";
import * as lanestep from "../src/index.ts";
import * as optimizers from "../src/optimizers.ts";

const { adam, addDecayedWeights, chain, scaleByAdam, scaleByBelief, scaleByRadam, scaleByRms, scaleByRss } = lanestep;
const { scaleByStddev, scaleByYogi, sgd, trace } = lanestep;

const BACKENDS = ["wasm", "reference"] as const;
const FLUSH_BELOW = 2 ** -100;

/** State after a few real gradients, from 1e-3 to 1, and then so many of zero. */
function stateAfterZeros(update: Update, steps: number, backend: (typeof BACKENDS)[number]) {
  const optimizer = update.initSync({ w: { shape: [5] } }, { backend });
  for (let step = 0; step < 3; step++) optimizer.step({ w: Float32Array.of(1, -1, 0.5, 1e-3, step) });
  optimizer.zeroGrads();
  for (let step = 0; step < steps; step++) optimizer.step();
  expect(optimizer.params.w.every(Number.isFinite)).toBe(true);
  return Object.fromEntries(Object.entries(optimizer.snapshot("state")[0]!).map(([slot, { w }]) => [slot, [...w]]));
}

describe.each(BACKENDS)("decaying state ends in zeros on %s, not in subnormal numbers", (backend) => {
  const zeros = [0, 0, 0, 0, 0];

  it.each([
    ["scaleByAdam", "mu", scaleByAdam()],
    ["scaleByBelief", "mu", scaleByBelief()],
    ["scaleByRadam", "mu", scaleByRadam()],
    ["scaleByYogi", "mu", scaleByYogi()],
    ["scaleByRms", "nu", scaleByRms()],
    ["scaleByStddev", "mu", scaleByStddev()],
    ["scaleByStddev", "nu", scaleByStddev()],
    ["ema", "ema", lanestep.ema({ decay: 0.9 })],
    ["trace", "trace", trace()],
    ["trace, nesterov", "trace", trace({ nesterov: true })],
  ] as const)("%s: 1,000 steps of zero gradients make %s exactly 0", (_name, slot, update) => {
    expect(stateAfterZeros(update, 1000, backend)[slot]).toEqual(zeros);
  });

  it.each([
    ["scaleByAdam", scaleByAdam()],
    ["scaleByBelief without epsRoot", scaleByBelief({ epsRoot: 0, eps: 1e-8 })],
    ["scaleByRadam", scaleByRadam()],
    ["scaleByRms with decay 0.999", scaleByRms({ decay: 0.999 })],
  ] as const)("%s: 70,000 steps of zero gradients make second moments exactly 0", (_name, update) => {
    expect(stateAfterZeros(update, 70_000, backend).nu).toEqual(zeros);
  });

  it("what does not decay by itself keeps its smallest numbers", () => {
    const tiny = Float32Array.of(1e-38, 1e-44, 1e-31);
    for (const [update, slot] of [
      [scaleByRss(), "sumOfSquares"] as const,
      [scaleByYogi(), "nu"] as const,
      [lanestep.averageParams(), "average"] as const,
      [lanestep.lookahead(lanestep.identity()), "slow"] as const,
    ]) {
      const optimizer = update.initSync({ w: tiny }, { backend });
      optimizer.state[0]![slot]!.w.set(tiny);
      for (let step = 0; step < 64; step++) optimizer.step();
      expect(optimizer.state[0]![slot]!.w).toEqual(tiny);
    }
  });

  it("a sum of gradients keeps its smallest numbers", () => {
    const tiny = Float32Array.of(1e-38, 1e-44, 1e-31);
    const optimizer = chain(trace(), lanestep.accumulate(trace(), { every: 2 })).initSync(
      { w: { shape: [3] } },
      { backend },
    );
    for (let step = 0; step < 127; step++) optimizer.step({ w: tiny.map((x) => (step === 126 ? x : 0)) });
    expect(optimizer.state[1]!.sum!.w).toEqual(tiny);
    expect(optimizer.step({ w: new Float32Array(3) })).toBe(true);
    expect([optimizer.count, optimizer.state[2]!.trace!.w[0]]).toEqual([64, 0]);
  });

  it.each(["step", "update and apply"])("flushes below 2^-100 with every 64th %s, neither before nor above", (how) => {
    const optimizer = trace({ decay: 1 }).initSync({ w: { shape: [5] } }, { backend });
    const before = Float32Array.of(FLUSH_BELOW, -FLUSH_BELOW, FLUSH_BELOW / 2, -FLUSH_BELOW / 2, -(2 ** -149));
    const after = Float32Array.of(FLUSH_BELOW, -FLUSH_BELOW, 0, 0, 0);
    const state = optimizer.state[0]!.trace!.w;
    for (let round = 0; round < 2; round++) {
      state.set(before);
      for (let step = 1; step <= 64; step++) {
        if (how === "step") optimizer.step();
        else {
          optimizer.zeroGrads();
          optimizer.update();
          optimizer.apply();
        }
        expect(state).toEqual(step < 64 ? before : after);
      }
    }
  });
});

describe("memory", () => {
  it("a thousand tiny optimizers hold hardly more than their planes", () => {
    const update = adam();
    const optimizers = Array.from({ length: 1000 }, () =>
      update.initSync({ w: { shape: [200] } }, { backend: "wasm" }),
    );
    const memories = new Set(optimizers.map(({ params }) => params.w.buffer));
    const held = [...memories].reduce((sum, { byteLength }) => sum + byteLength, 0);
    const planes = 1000 * 4 * Math.ceil(200 / 16) * 64;
    expect(held).toBeLessThanOrEqual(1.1 * planes + 2 * 2 ** 20); // the first and the last memory are not full
    const ranges = optimizers.map(({ params: { w } }) => `${[...memories].indexOf(w.buffer)} ${w.byteOffset}`);
    expect(new Set(ranges).size).toBe(1000);
  });

  /** What test/support/residue.js measures, in MB. */
  async function residue(size: string, end: string) {
    const script = fileURLToPath(new URL("support/residue.js", import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, ["--expose-gc", script, size, end]);
    const { before, after, peak, last } = JSON.parse(stdout);
    return {
      grown: (after.rss - before.rss) / 1e6,
      heapGrown: (after.heapUsed - before.heapUsed) / 1e6,
      peak: peak / 1e6,
      last: last as { bytes: number; values: number[] },
    };
  }

  describe.each([
    ["disposed of", "dispose"],
    ["dropped", "drop"],
  ])("%s", (_words, end) => {
    it("10,000 small optimizers in a row, of 328 MB in all, leave nothing behind", async () => {
      const { grown, heapGrown } = await residue("small", end);
      expect(grown).toBeLessThan(80);
      expect(heapGrown).toBeLessThan(4);
    });

    it("2,000 optimizers with memories of their own, of 656 MB in all, leave nothing behind", async () => {
      const { grown, heapGrown } = await residue("large", end);
      expect(grown).toBeLessThan(80);
      expect(heapGrown).toBeLessThan(4);
    });

    it("a leaf of 100 million elements takes a step, and its 800 MB are freed", async () => {
      const { grown, peak, last } = await residue("huge", end);
      expect(last.bytes).toBeGreaterThan(800e6);
      expect(last.bytes).toBeLessThan(801e6);
      expect(last.values).toEqual([0, 1, 50_000_000, 99_999_999].map((at) => (2 + (at % 3)) / 2));
      expect(peak).toBeGreaterThan(400);
      expect(grown).toBeLessThan(80);
    });
  });
});

describe("more than a memory holds", () => {
  const { Instance } = WebAssembly;
  afterEach(() => {
    WebAssembly.Instance = Instance;
  });
  const instancesMade = () => {
    const made: unknown[] = [];
    WebAssembly.Instance = new Proxy(Instance, {
      construct(target, args: ConstructorParameters<typeof Instance>) {
        made.push(args);
        return new target(...args);
      },
    });
    return made;
  };

  it("is a RangeError with the bytes of every plane, before anything is allocated", () => {
    const made = instancesMade();
    const before = process.memoryUsage().rss;
    const tooMuch = () => adam().initSync({ w: { shape: [20_000, 20_000] } }, { backend: "wasm" });
    expect(tooMuch).toThrow(RangeError);
    const planes = "params 1600.0 MB, grads 1600.0 MB, scaleByAdam.mu 1600.0 MB, scaleByAdam.nu 1600.0 MB";
    expect(tooMuch).toThrow(/need 6400\.\d MB, more than the 4294\.9 MB of one WebAssembly memory/);
    expect(tooMuch).toThrow(planes);
    expect(made).toEqual([]);
    expect(process.memoryUsage().rss - before).toBeLessThan(100e6);
  });

  it("counts the scratch too", () => {
    const update = chain(adam(), lanestep.clipByGlobalNorm());
    const tooMuch = () => update.initSync({ w: { shape: [3e8] } }, { backend: "wasm" });
    expect(tooMuch).toThrow(/scaleByAdam\.nu 1200\.0 MB, scratch 1200\.0 MB/);
  });

  it("and more than the engine gives is a RangeError with the planes and the engine's own as its cause", () => {
    const cause = new RangeError("could not allocate memory");
    WebAssembly.Instance = new Proxy(Instance, {
      construct() {
        throw cause;
      },
    });
    const tooMuch = () => sgd().initSync({ w: { shape: [1e6] } }, { backend: "wasm" });
    expect(tooMuch).toThrow(
      expect.objectContaining({ name: "RangeError", message: expect.stringContaining("params 4.0 MB"), cause }),
    );
  });
});

describe.each(BACKENDS)("trees of unusual sizes on %s", (backend) => {
  const clipped = (update: Update) => chain(lanestep.clipByGlobalNorm(), lanestep.centralize(), update);

  it.each(Object.entries(optimizers))("%s takes an empty tree and leaves without elements", (_name, optimizer) => {
    for (const update of [optimizer(), clipped(optimizer())]) {
      const empty = update.initSync({}, { backend });
      expect(empty.step({})).toBe(true);
      expect([empty.update({}), empty.params, empty.snapshot("params")]).toEqual([{}, {}, {}]);
      empty.apply();
      expect(empty.count).toBe(2);

      const tree = { none: new Float32Array(0), no: { rows: { shape: [0, 3] }, columns: { shape: [3, 0] } }, list: [] };
      const hollow = update.initSync(tree, { backend });
      expect(hollow.step()).toBe(true);
      expect([hollow.params.none.length, hollow.params.no.rows.length, hollow.params.list]).toEqual([0, 0, []]);
    }
  });

  it("a leaf without elements does not disturb its neighbours", () => {
    const update = chain(lanestep.scaleByTrustRatio(), addDecayedWeights({ decay: 0.5 }), lanestep.scale(-1));
    const [alone, beside] = [{}, { a: new Float32Array(0), c: new Float32Array(0) }].map((others) => {
      const optimizer = update.initSync({ ...others, b: Float32Array.of(3, 4) }, { backend });
      optimizer.grads.b.set([0.3, 0.4]);
      optimizer.step();
      return [...optimizer.params.b];
    });
    expect(beside).toEqual(alone);
  });

  it("a scalar is a leaf of one element, and the tree may be one leaf", () => {
    const optimizer = sgd({ learningRate: 0.5 }).initSync({ bias: 3, unit: { data: [1], shape: [] } }, { backend });
    optimizer.step({ bias: 2, unit: { data: [4], shape: [] } });
    expect([[...optimizer.params.bias], [...optimizer.params.unit]]).toEqual([[2], [-1]]);
    const whole = sgd({ learningRate: 0.5 }).initSync(3, { backend });
    whole.step(2);
    expect([...whole.params]).toEqual([2]);
  });

  it("300 small leaves are updated like one", () => {
    const leaves = Array.from({ length: 300 }, (_, i) => new Float32Array((i % 40) + 1).fill(i + 1));
    const optimizer = sgd({ learningRate: 0.5, momentum: 0.5 }).initSync({ layers: leaves }, { backend });
    for (let step = 0; step < 2; step++) optimizer.step({ layers: leaves });
    // The trace is g, then 1.5·g: p − 0.5·(1 + 1.5)·g, with g = p.
    for (const [i, layer] of optimizer.params.layers.entries()) {
      expect([...layer!]).toEqual([...leaves[i]!.map((p) => -0.25 * p)]);
    }
  });
});
