// stats(), plan(), describe() and globalNorm(): what they say against what is there.

import { describe, expect, it } from "vitest";
import { describe as inWords } from "../src/describe.ts";
import * as lanestep from "../src/index.ts";
import { gradients, params } from "./support/models.ts";
import { BACKENDS, bitsIn, expectError } from "./support/untouched.ts";

const { adam, adamw, averageParams, chain, clipByGlobalNorm, control, freeze, globalNorm, lamb, partition } = lanestep;
const { accumulate, reduceOnPlateau, scale, scaleByAdam, sgd, skipNonFinite } = lanestep;

const close = (actual: number | null, expected: number) => expect(actual! / expected).toBeCloseTo(1, 5);
const squaresOf = (leaf: Float32Array) => leaf.reduce((sum, x) => sum + x * x, 0);

describe.each(BACKENDS)("stats(), on %s", (backend) => {
  it("norms of gradients, parameters and updates, of the tree and of each leaf", () => {
    const optimizer = chain(clipByGlobalNorm({ maxNorm: 0.5 }), adamw()).initSync(params(), { backend, stats: true });
    for (let step = 0; step < 3; step++) {
      const before = optimizer.snapshot("params");
      optimizer.step(gradients(step) as never);
      const after = optimizer.params;
      const stats = optimizer.stats();
      close(stats.gradNorm, globalNorm(gradients(step)));
      close(stats.paramNorm, globalNorm(after));
      const { path, moved } = {
        path: "dense/kernel",
        moved: after.dense.kernel.map((p, i) => p - before.dense.kernel[i]!),
      };
      const leaf = stats.leaves![path]!;
      expect(Math.sqrt(squaresOf(moved))).toBeCloseTo(leaf.updateNorm, 5);
      close(leaf.paramNorm, Math.sqrt(squaresOf(after.dense.kernel)));
      close(leaf.gradNorm, globalNorm((gradients(step) as { dense: { kernel: unknown } }).dense.kernel));
      const sum = Object.values(stats.leaves!).reduce((total, { updateNorm }) => total + updateNorm ** 2, 0);
      close(stats.updateNorm, Math.sqrt(sum));
      expect([stats.count, stats.skipped, stats.clipped, stats.rate]).toEqual([step + 1, 0, true, 1e-3]);
    }
  });

  it.each([
    ["adamw", () => adamw()],
    ["lamb", () => lamb()],
    ["groups", () => partition({ a: adam(), b: sgd() }, (_path, { shape }) => (shape.length > 1 ? "a" : "b"))],
    ["gates", () => skipNonFinite(accumulate(chain(clipByGlobalNorm(), adam(), averageParams()), { every: 2 }))],
  ])("kept updates change no bit: %s", (_name, make) => {
    const [plain, kept] = [false, true].map((stats) => make().initSync(params(), { backend, stats }));
    for (let step = 0; step < 5; step++) {
      for (const optimizer of [plain!, kept!]) optimizer.step(gradients(step) as never);
      expect(bitsIn(kept!.params)).toEqual(bitsIn(plain!.params));
    }
    expect([plain!.stats().updateNorm, plain!.stats().leaves]).toEqual([null, null]);
  });

  it("rates: of a schedule, a control, of several groups; what a plateau scales by", () => {
    const rate = control(0.5);
    const update = chain(
      partition({ a: sgd({ learningRate: (step) => 1 / (1 + step) }), b: sgd({ learningRate: rate }) }, (path) =>
        path.endsWith("kernel") ? "a" : "b",
      ),
      reduceOnPlateau({ factor: 0.5, patience: 1 }),
    );
    const optimizer = update.initSync(params(), { backend });
    const step = () => optimizer.step(gradients(0) as never, { value: 1 });
    step();
    expect(optimizer.stats()).toMatchObject({ rate: null, scales: { reduceOnPlateau: 1 } });
    rate.value = 0.25;
    step();
    expect(optimizer.stats().rates).toEqual({
      "partition/a/scaleByLearningRate": 0.5,
      "partition/b/scaleByLearningRate": 0.25,
    });
    expect(optimizer.stats().scales).toEqual({ reduceOnPlateau: 0.5 });
    expect(chain(scaleByAdam(), scale(-1)).initSync(params(), { backend }).stats().rate).toBe(null);
  });

  it("between update() and apply() grads holds updates: only what a rule has measured is known of the gradients", () => {
    const optimizer = adam().initSync(params(), { backend });
    optimizer.update(gradients(0) as never);
    expect(optimizer.stats().gradNorm).toBeNaN();
    const clipping = chain(clipByGlobalNorm(), adam()).initSync(params(), { backend });
    clipping.update(gradients(0) as never);
    close(clipping.stats().gradNorm, globalNorm(gradients(0)));
  });
});

describe("plan()", () => {
  const update = chain(
    clipByGlobalNorm(),
    partition({ a: adamw(), b: sgd(), off: freeze() }, (path) =>
      path.endsWith("kernel") ? "a" : path.endsWith("bias") ? "b" : "off",
    ),
  );

  it("has the planes that an optimizer then has", () => {
    const plan = update.plan(params());
    const { engine, program } = update.initSync(params(), { backend: "wasm" }).internals;
    const bytes = (id: "params" | "grads" | number) => engine.spans(id).reduce((sum, span) => sum + span.byteLength, 0);
    const slots = program.slots.map((_, slot) => bytes(slot));
    const all = [bytes("params"), bytes("grads"), ...slots].reduce((sum, size) => sum + size, 0);
    expect(plan.bytes).toBe(all + plan.scratchBytes);
    expect(plan.peaks).toEqual({ init: plan.bytes, save: plan.bytes + all - bytes("grads") });
    expect(update.plan(params(), { stats: true }).bytes).toBe(plan.bytes + bytes("grads"));
  });

  it("names passes and loops, and is a table", () => {
    const plan = update.plan(params());
    expect(plan.loops).toEqual(["scale|adam|decay|apply", "scale|apply"]);
    expect(plan.passes.filter((pass) => pass.includes("sums")).length).toBe(2);
    expect(plan.groups.map(({ rules }) => rules.at(-1))).toContain("freeze");
    expect(String(plan)).toMatch(
      /parameters, leaves: \d+\nparams +\d+ bytes\n[\s\S]*a step:\n {2}clipByGlobalNorm: sums/,
    );
  });
});

describe("describe()", () => {
  it("says every rule with its formula and options, groups indented", () => {
    const text = inWords(
      chain(clipByGlobalNorm(), partition({ a: adam({ learningRate: () => 1 }), b: freeze() }, "a")),
    );
    expect(text.split("\n").map((line) => line.slice(0, 24))).toEqual([
      "clipByGlobalNorm  x ← x·",
      "partition  by label",
      "  a:",
      "    scaleByAdam  m ← b1·",
      "    scaleByLearningRate ",
      "  b:",
      "    freeze  x ← 0",
    ]);
    expect(text).toContain("learningRate a schedule");
    expectError(() => inWords(adam as never), TypeError, "describe: its argument is a function: call it");
  });

  it("has a formula for every rule", () => {
    const updates = Object.values(lanestep).flatMap((make) => {
      for (const given of [[], [{}], [{ decay: 0.5 }], [{ learningRate: 1 }], [-1], [() => 1], [control(1)]]) {
        try {
          const update = (make as (...given: unknown[]) => lanestep.Update)(...given);
          if (Array.isArray(update.rules)) return [update];
        } catch {}
      }
      return [];
    });
    const wrapped = [accumulate(adam(), { every: 2 }), skipNonFinite(adam()), lanestep.lookahead(adam())];
    const names = new Set([...updates, ...wrapped].flatMap(({ rules }) => rules.map(({ rule }) => rule.name)));
    expect(names.size).toBeGreaterThan(25);
    for (const update of [...updates, ...wrapped]) expect(inWords(update)).not.toContain("undefined");
  });
});

it("globalNorm() of a tree, a leaf, nothing, and what is not finite", () => {
  expect(globalNorm({ a: [Float32Array.of(3), { data: [4], shape: [1] }] })).toBe(5);
  expect(globalNorm(-2)).toBe(2);
  expect(globalNorm({})).toBe(0);
  expect(globalNorm(Float32Array.of(3e38, 3e38))).toBeCloseTo(3e38 * Math.SQRT2, -32);
  expect(globalNorm(Float32Array.of(Number.NaN))).toBeNaN();
  expectError(() => globalNorm({ a: "x" }), TypeError, /^"tree\.a" is "x"/);
});
