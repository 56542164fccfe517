// The design's first oracle: see test/oracle/interpreter.ts. FC_SEED and FC_RUNS try other chains, and more of them.

import { readFileSync } from "node:fs";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { signaturesOf } from "../src/backends/wasm/engine.js";
import * as lanestep from "../src/index.js";
import { warmedSignatures } from "../src/link/warmed.js";
import { compile } from "../src/program/program.js";
import { anyChain, anyFill, anyRule, anyTree, build, type Library, type RuleSpec, runs } from "./oracle/arbitrary.js";
import { type Case, expectInterpretersBits } from "./oracle/compare.js";

vi.setConfig({ testTimeout: 120_000 });

const STEPS = 5;
const warmed = new WebAssembly.Module(readFileSync(new URL("../dist/warmed.wasm", import.meta.url)));
const isWarmed = (chain: readonly RuleSpec[]) => {
  const given = new Set(warmedSignatures());
  return signaturesOf(compile(build(lanestep, chain).rules)).every((signature) => given.has(signature));
};

/** From the first step on, or over a step after which the smallest numbers are flushed. */
const count = fc.oneof(
  { arbitrary: fc.constant(0), weight: 3 },
  { arbitrary: fc.nat(4).map((n) => 59 + n), weight: 1 },
);

const cases = (chain: fc.Arbitrary<RuleSpec[]>): fc.Arbitrary<Case> =>
  fc.record({
    chain,
    tree: anyTree,
    params: anyFill,
    grads: fc.array(anyFill, { minLength: STEPS, maxLength: STEPS }),
    count,
  });

/** Chains that named optimizers run, behind a clipped norm or not. */
const usualChain = fc
  .tuple(
    fc.option(anyRule(["clipByGlobalNorm"])),
    anyRule([
      "scaleByAdam",
      "scaleByBelief",
      "scaleByRadam",
      "scaleByRms",
      "scaleByRss",
      "scaleByStddev",
      "scaleByYogi",
      "trace",
    ]),
    fc.option(anyRule(["addDecayedWeights"])),
    anyRule(["scaleByLearningRate"]),
  )
  .map((rules) => rules.filter((rule) => rule !== null));

describe("wasm against the interpreter: every bit of updates, parameters and state", () => {
  it("linked, 1 to 6 rules, 5 steps", async () => {
    const property = fc.asyncProperty(cases(anyChain()), (given) =>
      expectInterpretersBits(lanestep, given, { backend: "wasm" }, "linked"),
    );
    await fc.assert(property, runs(300));
  });

  it("warmed, usual chains, 5 steps", async () => {
    const property = fc.asyncProperty(cases(usualChain), (given) =>
      expectInterpretersBits(lanestep, given, { backend: "wasm", module: warmed }, "warmed"),
    );
    await fc.assert(property, runs(60));
  });

  describe("where the engine compiles nothing but the kernels", () => {
    const { Module, compile } = WebAssembly;
    const isKernels = (module: WebAssembly.Module) => Module.exports(module).some(({ name }) => name === "sumSquares");
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
      library = await import("../src/index.js");
    });
    afterAll(() => Object.assign(WebAssembly, { Module, compile }));

    it("tiles, 1 to 6 rules, 5 steps", async () => {
      const chain = anyChain().filter((rules) => !isWarmed(rules));
      const property = fc.asyncProperty(cases(chain), (given) =>
        expectInterpretersBits(library, given, { backend: "wasm", module: warmed }, "tiles"),
      );
      await fc.assert(property, runs(100));
    });

    it("no other loop compiles", () => {
      expect(() => library.sgd().initSync({ w: 0 }, { backend: "wasm" })).toThrow("refused by the test");
    });
  });
});
