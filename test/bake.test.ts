// Loops of a chain of one's own, linked ahead.

import fc from "fast-check";
import { afterEach, describe, expect, it } from "vitest";
import { bake } from "../src/bake.ts";
import * as linked from "../src/index.ts";
import { link } from "../src/link/link.ts";
import * as optimizers from "../src/optimizers.ts";
import { anyForest, anyNested, build, runs, zerosOf } from "./oracle/arbitrary.ts";
import { fromFile, kernels, loopsIn, type Make, params, run } from "./support/baking.ts";
import { freshLibrary, moduleOf, refuseToCompile, restoreCompiler } from "./support/compiler.ts";

const warmed = fromFile("dist/warmed.wasm");

afterEach(restoreCompiler);

const isMatrix = (_path: string, { shape }: linked.LeafInfo) => shape.length > 1;

const chains: Record<string, Make> = {
  ...Object.fromEntries(Object.keys(optimizers).map((name): [string, Make] => [name, (l) => l[name as "adam"]()])),
  "radam, with both its loops": (l) => l.radam({ b2: 0.5, threshold: 4 }),
  "a chain that no optimizer has": (l) => l.chain(l.trace(), l.clip(), l.scaleByAdam(), l.scale(-0.1)),
  accumulate: (l) => l.accumulate(l.adam(), { every: 2 }),
  "accumulate, behind a rule": (l) => l.chain(l.clip(), l.accumulate(l.adam(), { every: 2, mean: false })),
  skipNonFinite: (l) => l.skipNonFinite(l.chain(l.clip(), l.adam())),
  partition: (l) =>
    l.partition({ a: l.adam(), b: l.sgd({ momentum: 0.9 }) }, (...leaf) => (isMatrix(...leaf) ? "a" : "b")),
  masked: (l) => l.chain(l.masked(l.addDecayedWeights(), isMatrix), l.adam()),
  "masks in one another": (l) =>
    l.masked(
      l.chain(
        l.masked(l.trace(), (path) => path !== "b"),
        l.adam(),
      ),
      isMatrix,
    ),
  freeze: (l) => l.partition({ a: l.adamw(), b: l.freeze() }, (path) => (path === "k" ? "b" : "a")),
  lookahead: (l) => l.lookahead(l.adam()),
  averageParams: (l) => l.chain(l.adam(), l.averageParams()),
  stateful: (l) =>
    l.chain(
      l.trace(),
      l.stateful(
        () => 0,
        (updates, count: number) => [updates, count + 1],
      ),
      l.scaleByAdam(),
      l.scale(-0.1),
    ),
  reduceOnPlateau: (l) => l.chain(l.adam(), l.reduceOnPlateau()),
  centralize: (l) => l.chain(l.trace(), l.centralize(), l.scaleByRms(), l.addNoise({ seed: 1 }), l.scale(-1)),
  "no rules": (l) => l.identity(),
  "all of it": (l) =>
    l.skipNonFinite(
      l.chain(
        l.masked(l.trace(), isMatrix),
        l.clipByGlobalNorm(),
        l.partition(
          {
            a: l.accumulate(l.lookahead(l.radam({ b2: 0.5, threshold: 4 })), { every: 2 }),
            b: l.lamb(),
            c: l.freeze(),
          },
          { w: "a", b: "b", k: "c" },
        ),
      ),
    ),
};

describe("a baked chain, in an engine that compiles nothing", () => {
  for (const stats of [false, true]) {
    it.each(Object.entries(chains))(
      `%s: no tiles, the bits of the linked loops; stats ${stats}`,
      async (_name, make) => {
        const expected = run(make(linked).initSync(params(), { stats }));
        const module = moduleOf(bake(make(linked)));
        refuseToCompile();
        const library = await freshLibrary();
        const optimizer = await make(library).init(params(), { kernels, module, stats, backend: "wasm" });
        expect(optimizer.backend).toEqual({
          name: "wasm",
          path: "warmed",
          reason: "WebAssembly SIMD, loops linked ahead",
        });
        expect(run(optimizer)).toEqual(expected);
      },
    );
  }

  it("several in one module", async () => {
    const some = Object.values(chains).slice(0, 8);
    const module = moduleOf(bake(...some.map((make) => make(linked))));
    refuseToCompile();
    const library = await freshLibrary();
    for (const make of some) {
      expect(make(library).initSync(params(), { kernels, module }).backend.path).toBe("warmed");
    }
  });
});

it("any chain, with groups and gates in one another: no loop is missing, whatever the tree", () => {
  const property = fc.property(anyNested(), anyForest, (specs, tree) => {
    const update = build(linked, specs);
    const optimizer = update.initSync(zerosOf(tree), { module: moduleOf(bake(update)) });
    expect(optimizer.backend.path).toBe("warmed");
  });
  fc.assert(property, runs(100));
});

describe("a module that does not fit is refused, where loops could be linked too", () => {
  const { adam, adamw, chain, trace, scale, sgd } = linked;
  const refusal = (update: linked.Update, options: linked.InitOptions): string => {
    let message = "";
    expect(() => update.initSync(params(), options)).toThrow(Error);
    try {
      update.initSync(params(), options);
    } catch (error) {
      ({ message } = error as Error);
    }
    return message;
  };

  it("baked for another chain", async () => {
    const module = moduleOf(bake(adam(), sgd()));
    const words =
      "module was baked for [scaleByAdam, scaleByLearningRate] and [scaleByLearningRate], by lanestep 0.1.0; for [trace, " +
      'scale] it lacks trace|scale|apply, trace|scale|store: run "npx lanestep bake" for that';
    expect(refusal(chain(trace(), scale(2)), { module })).toBe(words);
    await expect(chain(trace(), scale(2)).init(params(), { module })).rejects.toThrow(words);
    expect(adam({ learningRate: 1, b1: 0 }).initSync(params(), { module }).backend.path).toBe("warmed");
  });

  it("baked for the same rules with an option that takes another body", () => {
    const module = moduleOf(bake(trace()));
    expect(refusal(trace({ nesterov: true }), { module })).toMatch(
      /^module was baked for \[trace\], .* lacks nesterov\|/,
    );
  });

  it("of another version, of something else, and one for the other", () => {
    const bytes = bake(adam());
    const name = /lanestep module (\w{8})/.exec(Buffer.from(bytes).toString("latin1"))!;
    bytes[name.index + name[0].length - 1]! ^= 1;
    const nothing = moduleOf(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
    for (const module of [moduleOf(bytes), nothing, kernels]) {
      expect(refusal(adam(), { module })).toBe(
        'module was not made by this version of lanestep, expected its warmed.wasm or what "npx lanestep bake" writes',
      );
    }
    for (const kernels of [moduleOf(bytes), nothing, warmed]) {
      expect(refusal(adam(), { kernels })).toBe(
        "kernels was not made by this version of lanestep, expected its kernels.wasm",
      );
    }
  });

  it("but warmed.wasm is for any chain", () => {
    const optimizer = chain(trace(), trace(), adamw()).initSync(params(), { module: warmed, kernels });
    expect(optimizer.backend.path).toBe("linked");
  });
});

describe("bake", () => {
  it("says in the module what it is for", () => {
    const module = moduleOf(bake(linked.partition({ "ä/b": linked.trace() }, () => "ä/b" as const)));
    expect(loopsIn(module)).toEqual(["apply", "trace|apply", "trace|store"]);
    const name = /lanestep module \w{8}/.exec(Buffer.from(bake(linked.adam())).toString("latin1"))![0];
    const [section] = WebAssembly.Module.customSections(module, name);
    expect(new TextDecoder().decode(section)).toBe("[partition, partition/ä~1b/trace], by lanestep 0.1.0");
  });

  it("links nothing for what is frozen", () => {
    const { chain, freeze, partition, scaleByYogi, trace } = linked;
    const update = partition({ on: trace(), off: chain(scaleByYogi(), freeze()) }, () => "on" as const);
    expect(loopsIn(moduleOf(bake(update)))).toEqual(loopsIn(moduleOf(bake(trace()))));
  });

  it("refuses what is no update", () => {
    expect(() => bake()).toThrow(new TypeError("bake takes one update or more"));
    for (const [given, words] of [
      [undefined, "undefined"],
      [linked.adam, "a function"],
      [{ rules: 1 }, "an object"],
    ] as const) {
      const message = `bake: argument 2 is ${words}, expected an update such as scaleByAdam(); several are bake(...updates)`;
      expect(() => bake(linked.adam(), given as never)).toThrow(new TypeError(message));
    }
  });

  it("refuses masks that meet in more combinations than anybody would link", () => {
    const masks = (count: number) => Array.from({ length: count }, () => linked.masked(linked.trace(), () => true));
    expect(() => bake(linked.chain(...masks(13)))).toThrow(
      new RangeError(
        "labels and masks can meet in 8192 combinations, of which at most 4096 are linked ahead; one partition whose labels are the combinations in use has no others",
      ),
    );
    expect(() => bake(...masks(13))).not.toThrow();
  });

  it("stands on a linker that refuses what it does not know", () => {
    for (const [signature, part] of [
      ["scale|adamm|apply", "adamm"],
      ["scale|toString|apply", "toString"],
      ["apply|store", "apply"],
      ["scale|park", "park"],
      ["scale", "scale"],
      ["", ""],
    ]) {
      expect(() => link([signature!]), signature).toThrow(new TypeError(`no loop has a part "${part}"`));
    }
  });
});
