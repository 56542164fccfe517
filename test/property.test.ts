// The design's two oracles: test/oracle/interpreter.ts, and the reference backend. FC_SEED and FC_RUNS try other
// chains, and more of them.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import * as lanestep from "../src/index.ts";
import { clipByGlobalNorm, scaleByTrustRatio } from "../src/index.ts";
import { warmedSignatures } from "../src/warmed.ts";
import {
  anyChain,
  anyFill,
  anyForest,
  anyNested,
  anyRule,
  anyTree,
  anyWrapper,
  build,
  type Library,
  positive,
  type RuleName,
  type RuleSpec,
  ruleNames,
  runs,
  wrapperNames,
  zerosOf,
} from "./oracle/arbitrary.ts";
import { type Case, expectInterpretersBits } from "./oracle/compare.ts";
import { compareChain, compareStep, type Spread } from "./oracle/rules.ts";
import { expectClose } from "./support/close.ts";

const STEPS = 5;
/** Of a whole chain in one step: what its rules amplify. */
const CHAIN_TOLERANCE = 1e-3;
const warmed = new WebAssembly.Module(readFileSync(new URL("../dist/warmed.wasm", import.meta.url)));
const ahead = new Set(warmedSignatures());
const isWarmed = ({ chain, tree }: Case) =>
  build(lanestep, chain)
    .plan(zerosOf(tree))
    .loops.every((signature) => ahead.has(signature));

/** Steps done: none, a few (RAdam chooses another body then), or so many that the smallest numbers are flushed soon. */
const count = fc.oneof(
  { arbitrary: fc.constant(0), weight: 2 },
  { arbitrary: fc.nat(8), weight: 1 },
  { arbitrary: fc.nat(4).map((n) => 59 + n), weight: 1 },
);

const cases = (chain: fc.Arbitrary<RuleSpec[]>, tree = anyTree): fc.Arbitrary<Case> =>
  fc.record({
    chain,
    tree,
    params: anyFill,
    grads: fc.array(anyFill, { minLength: STEPS, maxLength: STEPS }),
    count,
  });

/** Trees of several leaves, for chains that treat them in different ways. */
const nested: fc.Arbitrary<Case> = fc.record({
  chain: anyNested(),
  tree: anyForest,
  params: anyFill,
  grads: fc.array(anyFill, { minLength: 9, maxLength: 9 }),
  count,
});

/** The rules of the named optimizers, behind a clipped norm or not. */
const usualChain = fc
  .tuple(
    fc.option(fc.constant<RuleName>("clipByGlobalNorm")),
    fc.constantFrom<RuleName[][]>(
      ["scaleByAdadelta", "scaleByLearningRate"],
      ["scaleByAdam", "scaleByLearningRate"],
      ["scaleByAdamax", "scaleByLearningRate"],
      ["scaleByAdam", "addDecayedWeights", "scaleByLearningRate"],
      ["scaleByAdam", "addDecayedWeights", "scaleByTrustRatio", "scaleByLearningRate"],
      ["scaleByBelief", "scaleByLearningRate"],
      ["scaleByLearningRate", "addNoise"],
      ["scaleByLion", "addDecayedWeights", "scaleByLearningRate"],
      ["scaleByRadam", "scaleByLearningRate"],
      ["scaleByRms", "scaleByLearningRate"],
      ["scaleByRms", "scaleByLearningRate", "trace"],
      ["scaleByRss", "scaleByLearningRate"],
      ["scaleByStddev", "scaleByLearningRate"],
      ["scaleByStddev", "scaleByLearningRate", "trace"],
      ["scaleByYogi", "scaleByLearningRate"],
      ["scaleByLearningRate"],
      ["trace", "scaleByLearningRate"],
    ),
  )
  .chain(([clipped, rules]) => fc.tuple(...[clipped ?? [], rules].flat().map((rule) => anyRule([rule]))));

/** Those in groups, and behind gates that take no other loops. */
const usualGroups: fc.Arbitrary<RuleSpec[]> = fc
  .tuple(
    fc.constantFrom<RuleSpec[]>(
      { rule: "masked", options: {}, seed: 1 },
      { rule: "skipNonFinite", options: { maxConsecutive: 1000 } },
      { rule: "accumulate", options: { every: 2, mean: false } },
    ),
    fc.array(usualChain, { minLength: 1, maxLength: 3 }),
    fc.nat(1000),
  )
  .map(([around, groups, seed]) => [{ ...around, inner: [{ rule: "partition", options: {}, groups, seed }] }]);

/** Factors of single leaves that go into the norm of the whole tree, in a stage behind the one that made them. */
const factorsInNorm: Case = {
  chain: [
    { rule: "scaleByTrustRatio", options: {} },
    { rule: "clipByGlobalNorm", options: { maxNorm: 1 } },
    { rule: "clipByGlobalNorm", options: { maxNorm: 0.5 } },
  ],
  tree: { a: { shape: [3], bare: true }, b: { shape: [20], bare: true } },
  params: { kind: "normal", seed: 1 },
  grads: [2, 3, 4, 5, 6].map((seed) => ({ kind: "normal", seed })),
  count: 0,
};

describe("wasm against the interpreter: every bit of updates, parameters and state", () => {
  it("linked, 1 to 6 rules, 5 steps", async () => {
    const property = fc.asyncProperty(cases(anyChain()), (given) =>
      expectInterpretersBits(lanestep, given, { backend: "wasm" }, "linked"),
    );
    await fc.assert(property, { ...runs(500), examples: [[factorsInNorm]] });
  });

  it("linked, with groups and gates in one another, 9 steps", async () => {
    const property = fc.asyncProperty(nested, (given) =>
      expectInterpretersBits(lanestep, given, { backend: "wasm" }, "linked"),
    );
    await fc.assert(property, runs(300));
  });

  it("warmed, usual chains, 5 steps", async () => {
    const property = fc.asyncProperty(cases(usualChain), (given) =>
      expectInterpretersBits(lanestep, given, { backend: "wasm", module: warmed }, "warmed"),
    );
    await fc.assert(property, runs(200));
  });

  it("warmed, usual chains in groups and behind gates, 5 steps", async () => {
    const property = fc.asyncProperty(cases(usualGroups, anyForest), (given) =>
      expectInterpretersBits(lanestep, given, { backend: "wasm", module: warmed }, "warmed"),
    );
    await fc.assert(property, runs(100));
  });

  describe("where the engine compiles nothing but the kernels", () => {
    const { Module, compile } = WebAssembly;
    const isKernels = (module: WebAssembly.Module) =>
      Module.exports(module).some(({ name }) => ["sumSquares", "addNoise", "centralize"].includes(name));
    const refuse = (): never => {
      throw new WebAssembly.CompileError("refused by the test");
    };
    let library: Library;

    beforeAll(async () => {
      WebAssembly.Module = new Proxy(Module, {
        construct(target, [bytes]: [BufferSource]) {
          const module = new target(bytes);
          return isKernels(module) ? module : refuse();
        },
      });
      WebAssembly.compile = async (source) => {
        const module = await compile(source as BufferSource);
        return isKernels(module) ? module : refuse();
      };
      // A copy of the library that has compiled nothing yet.
      vi.resetModules();
      library = await import("../src/index.ts");
    });
    afterAll(() => Object.assign(WebAssembly, { Module, compile }));

    it("tiles, 1 to 6 rules, 5 steps", async () => {
      const unusual = cases(anyChain()).filter((given) => !isWarmed(given));
      const property = fc.asyncProperty(unusual, (given) =>
        expectInterpretersBits(library, given, { backend: "wasm", module: warmed }, "tiles"),
      );
      await fc.assert(property, runs(200));
    });

    it("tiles, with groups and gates in one another, 9 steps", async () => {
      const unusual = nested.filter((given) => !isWarmed(given));
      const property = fc.asyncProperty(unusual, (given) =>
        expectInterpretersBits(library, given, { backend: "wasm", module: warmed }, "tiles"),
      );
      await fc.assert(property, runs(100));
    });

    it("no other loop compiles", () => {
      expect(() => library.sgd().initSync({ w: 0 }, { backend: "wasm" })).toThrow("refused by the test");
    });
  });
});

describe("wasm against reference, one step from the same state, each element relative to its terms", () => {
  const spreads = fc.constantFrom<Spread[]>("leaf", "element", "equal");

  const alone = [
    ...ruleNames.filter((name) => name !== "half").map((name) => [name, anyRule([name])] as const),
    ...wrapperNames.map((name) => [name, anyWrapper(name)] as const),
  ];
  for (const [rule, specs] of alone) {
    const { tolerance } = build(lanestep, fc.sample(specs, 1)).rules[0]!.rule;
    it(`${rule} within ${tolerance}`, () => {
      let [lost, elements] = [0, 0];
      const property = fc.property(specs, fc.nat(), fc.nat(4), spreads, (spec, seed, warmUp, spread) => {
        const worst = compareStep(spec, seed, warmUp, spread);
        lost += worst.lost;
        elements += worst.elements;
        if (!(worst.error <= tolerance)) throw new Error(`off by ${worst.error}: ${worst.words}`);
      });
      fc.assert(property, runs(30));
      expect(lost).toBeLessThan(elements / 10);
    });
  }

  /** Sixteen sums of 256 equal terms round the same way at every step: of all mantissas these two go furthest, up and down. */
  const [UP, DOWN] = [1.4321560859680176, 2.0241236686706543];
  it.each([
    ["clipByGlobalNorm", clipByGlobalNorm(), UP],
    ["scaleByTrustRatio", scaleByTrustRatio(), DOWN],
  ] as const)("%s of equal elements within its tolerance", (_name, update, x) => {
    const [wasm, reference] = (["wasm", "reference"] as const).map((backend) => {
      const optimizer = update.initSync({ w: new Float32Array(4096).fill(UP) }, { backend });
      optimizer.grads.w.fill(x);
      return optimizer.update().w;
    });
    expectClose(wasm!, reference!, update.rules[0]!.rule.tolerance, "updates");
  });

  it.each(["wasm", "reference"] as const)("scaleByLion on %s: the sign of an infinite update stays", (backend) => {
    const signs = (steps: readonly (readonly number[])[]) => {
      const optimizer = lanestep.scaleByLion().initSync({ w: new Float32Array(4) }, { backend });
      return steps.map((w) => {
        optimizer.grads.w.set(w);
        optimizer.update();
        const found = [...optimizer.grads.w];
        optimizer.apply();
        return found;
      });
    };
    expect(
      signs([
        [Infinity, -Infinity, Infinity, NaN],
        [-1e30, 1e30, -Infinity, 1],
        [-1, 0, 1, 1],
      ]),
    ).toEqual([
      [1, -1, 1, NaN],
      [1, -1, NaN, NaN],
      [1, -1, NaN, NaN],
    ]);
  });

  // Lion and Yogi jump, at 0 and where v meets x², the standard deviation cancels, belief without surprise divides by next to nothing.
  const continuous = ruleNames.filter((name) => !/Lion|Yogi|Stddev|Belief/.test(name));
  it(`chains of 2 to 6 rules within ${CHAIN_TOLERANCE} of the leaf's largest magnitude`, () => {
    fc.assert(comparison(anyChain(continuous, 2).map(positive)), runs(500));
  });

  it(`chains with groups and gates within ${CHAIN_TOLERANCE} of the leaf's largest magnitude`, () => {
    // What looks ahead takes the parameters away again, and leaves their rounding.
    const gates = wrapperNames.filter((name) => name !== "lookahead");
    fc.assert(comparison(anyNested(continuous, gates).map(positive)), runs(500));
  });

  const comparison = (chains: fc.Arbitrary<RuleSpec[]>) =>
    fc.property(chains, fc.nat(), fc.nat(5), (chain, seed, warmUp) => {
      const { relative, where, index } = compareChain(chain, seed, warmUp);
      if (relative > CHAIN_TOLERANCE) throw new Error(`off by ${relative}: ${where}, element ${index}`);
    });
});
