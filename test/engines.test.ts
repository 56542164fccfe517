// Engines that compile little or nothing at run time, and those without WebAssembly: what runs there, and what it says.

import { readFileSync } from "node:fs";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bake } from "../src/bake.ts";
import * as linked from "../src/index.ts";
import { freshLibrary, refuseInstances, refuseToCompile, restoreCompiler } from "./support/compiler.ts";
import { bitsIn } from "./support/untouched.ts";

const read = (name: string) => new WebAssembly.Module(readFileSync(`dist/${name}`));
const ahead = { kernels: read("kernels.wasm"), module: read("warmed.wasm") };

const params = () => ({ w: { shape: [300, 300] }, b: Float32Array.of(1, 2, 3) });

function run(optimizer: linked.Optimizer<ReturnType<typeof params>>) {
  const { w, b } = optimizer.grads;
  for (let step = 0; step < 3; step++) {
    for (let i = 0; i < w.length; i++) w[i] = Math.fround(((i * 31 + step * 17) % 211) - 105) / 97;
    b.set([1, -2, step]);
    optimizer.step();
  }
  optimizer.update();
  optimizer.apply();
  return bitsIn([optimizer.params.w, optimizer.params.b]);
}

let warnings: string[];
beforeEach(() => {
  warnings = [];
  vi.spyOn(console, "warn").mockImplementation((text: string) => void warnings.push(text));
});
afterEach(() => {
  vi.unstubAllGlobals();
  restoreCompiler();
  vi.restoreAllMocks();
});

describe("an engine that compiles nothing, given kernels and loops that were compiled ahead", () => {
  it.each([
    ["warmed", "a usual chain", (l: typeof linked) => l.chain(l.clipByGlobalNorm(), l.adamw({ decay: 0.01 }))],
    ["warmed", "radam, with both its loops", (l: typeof linked) => l.radam({ b2: 0.5, threshold: 4 })],
    [
      "warmed",
      "usual chains in groups, behind a gate",
      (l: typeof linked) =>
        l.skipNonFinite(l.partition({ x: l.adam(), y: l.sgd({ momentum: 0.9 }) }, { w: "x", b: "y" })),
    ],
    [
      "tiles",
      "sums of gradients, in one of two groups",
      (l: typeof linked) =>
        l.partition(
          { x: l.accumulate(l.lookahead(l.adam()), { every: 2 }), y: l.chain(l.ema({ decay: 0.5 }), l.scale(-1)) },
          (path) => (path === "w" ? "x" : "y"),
        ),
    ],
    ["tiles", "an unusual chain", (l: typeof linked) => l.chain(l.trace(), l.clip(), l.scaleByAdam(), l.scale(-0.1))],
  ])("%s: %s, the bits of the linked loops", async (path, _, make) => {
    const expected = run(make(linked).initSync(params()));
    refuseToCompile();
    const optimizer = await make(await freshLibrary()).init(params(), ahead);
    expect(optimizer.backend).toMatchObject({ name: "wasm", path });
    expect(run(optimizer)).toEqual(expected);
    expect(warnings).toEqual([]);
  });
});

it("with statistics only the loops of update() are wanted", async () => {
  refuseToCompile();
  const { trace } = await freshLibrary();
  expect((await trace().init(params(), { ...ahead, stats: true })).backend.path).toBe("warmed");
});

describe("with modules that an entry has imported, as under the condition workerd", () => {
  /** As src/workerd.ts does. */
  async function importing(): Promise<typeof linked> {
    const library = await freshLibrary();
    const { useModules } = await import("../src/backends/choose.ts");
    useModules(ahead);
    return library;
  }
  const usual = (l: typeof linked) => l.chain(l.clipByGlobalNorm(), l.adamw({ decay: 0.01 }));
  const unusual = (l: typeof linked) => l.chain(l.trace(), l.clip(), l.scaleByAdam(), l.scale(-0.1));

  it.each([
    ["warmed", usual],
    ["tiles", unusual],
  ])("%s: init, restore, load and the functional form want no options", async (path, make) => {
    const expected = run(make(linked).initSync(params()));
    refuseToCompile();
    const library = await importing();
    const update = make(library);
    const first = await update.init(params(), { backend: "wasm" });
    const again = await update.restore<ReturnType<typeof params>>(first.save());
    const filled = update.initSync(params());
    await filled.load(again.save());
    for (const optimizer of [first, again, filled]) {
      expect(optimizer.backend).toMatchObject({ name: "wasm", path });
      expect(run(optimizer)).toEqual(expected);
    }
    const plain = { w: Float32Array.of(1, 2) };
    const bits = async (l: typeof linked) => {
      const functional = l.functional(make(l));
      const [updates] = functional.update({ w: Float32Array.of(3, 4) }, await functional.init(plain), plain);
      return bitsIn(updates);
    };
    const there = await bits(library);
    restoreCompiler();
    expect(there).toEqual(await bits(linked));
    expect(warnings).toEqual([]);
  });

  it("a chain's own module is enough, and may not be another's", async () => {
    const module = new WebAssembly.Module(bake(unusual(linked)));
    refuseToCompile();
    const library = await importing();
    expect(unusual(library).initSync(params(), { module }).backend.path).toBe("warmed");
    expect(() => library.adam().initSync(params(), { module })).toThrow(/^module was baked for /);
  });

  it("nothing is compiled where it is allowed at first", async () => {
    const expected = run(unusual(linked).initSync(params()));
    const optimizer = unusual(await importing()).initSync(params());
    expect(optimizer.backend.path).toBe("tiles");
    refuseToCompile();
    expect(run(optimizer)).toEqual(expected);
  });

  it("the reference backend is there where it is asked for", async () => {
    const { adam } = await importing();
    expect(adam().initSync(params(), { backend: "reference" }).backend.reason).toBe("asked for");
  });
});

it("what a given module lacks is linked at once: update() finds it where nothing compiles any more", async () => {
  const { chain, scale, trace } = await freshLibrary();
  const optimizer = chain(trace(), scale(2), trace(), scale(3)).initSync(params(), ahead);
  expect(optimizer.backend.path).toBe("linked");
  refuseToCompile();
  run(optimizer);
});

describe("a loop that is refused when it is first wanted", () => {
  it("changes nothing, however often: neither here nor in the optimizer beside it", async () => {
    const { adam, chain, scale, scaleByTrustRatio, trace } = await freshLibrary();
    // Small enough to share a memory.
    const small = () => ({ w: { shape: [20] } });
    const first = chain(adam(), scaleByTrustRatio(), trace(), scale(-0.1)).initSync(small());
    const beside = adam().initSync(small());
    expect(beside.params.w.buffer).toBe(first.params.w.buffer);
    beside.params.w.fill(7);
    refuseToCompile();
    const before = bitsIn([first.params, beside.params, beside.grads, beside.state]);
    for (let i = 0; i < 20; i++) expect(() => first.update()).toThrow(/code generation disallowed/);
    expect(bitsIn([first.params, beside.params, beside.grads, beside.state])).toEqual(before);
  });
});

it("modules of another realm, as of a page's frame, are taken", () => {
  const module = runInNewContext("new WebAssembly.Module(bytes)", { bytes: readFileSync("dist/warmed.wasm") });
  expect(module).not.toBeInstanceOf(WebAssembly.Module);
  const optimizer = linked.adam().initSync(params(), { module });
  expect(optimizer.backend.path).toBe("warmed");
  expect(run(optimizer)).toEqual(run(linked.adam().initSync(params())));
});

describe("an engine that compiles while a program starts, and refuses it ever after", () => {
  const small = () => ({ w: Float32Array.of(1, 2) });

  it("steps, with statistics too, from then on", async () => {
    const { accumulate, adamw, chain, clipByGlobalNorm, trace } = await freshLibrary();
    const update = accumulate(chain(trace(), clipByGlobalNorm(), adamw()), { every: 2 });
    for (const options of [{}, { stats: true }]) {
      const [here, there] = [1, 2].map(() => update.initSync(small(), options)) as [linked.Optimizer, linked.Optimizer];
      const grads = { w: Float32Array.of(3, -1) };
      for (let step = 0; step < 4; step++) here.step(grads);
      refuseToCompile();
      for (let step = 0; step < 4; step++) there.step(grads);
      restoreCompiler();
      expect(bitsIn([there.params, there.state])).toEqual(bitsIn([here.params, here.state]));
    }
  });

  it("refuses an update that wants other loops before anything has changed", async () => {
    const { adamw, chain, clipByGlobalNorm, trace } = await freshLibrary();
    const optimizer = chain(trace(), clipByGlobalNorm(), adamw()).initSync(small());
    optimizer.step({ w: Float32Array.of(3, -1) });
    const before = bitsIn([optimizer.params, optimizer.state]);
    refuseToCompile();
    for (let i = 0; i < 2; i++) expect(() => optimizer.update()).toThrow(/code generation disallowed/);
    expect(bitsIn([optimizer.params, optimizer.state])).toEqual(before);
    expect(optimizer.count).toBe(1);
  });
});

describe("without WebAssembly SIMD the reference backend stands in", () => {
  it("where nothing compiles, with one warning", async () => {
    refuseToCompile();
    const { adam } = await freshLibrary();
    const optimizer = await adam().init(params());
    adam().initSync(params());
    expect(optimizer.backend).toMatchObject({ name: "reference", path: "reference" });
    expect(optimizer.backend.reason).toMatch(/does not compile WebAssembly SIMD .*code generation disallowed/);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toMatch(
      /^lanestep: this engine does not compile WebAssembly SIMD .* The reference backend runs/,
    );
    expect(optimizer.step()).toBe(true);
  });

  it.each([
    ["nothing given", {}],
    ["modules given", ahead],
  ])("where what is compiled makes no instance, %s", async (_, options) => {
    refuseInstances(new WebAssembly.CompileError("refused by a policy"));
    const { adam } = await freshLibrary();
    const optimizer = await adam().init(params(), options);
    expect(optimizer.backend).toMatchObject({ name: "reference", path: "reference" });
    expect(optimizer.backend.reason).toMatch(/refused by a policy/);
    expect(warnings).toHaveLength(1);
    expect(optimizer.step()).toBe(true);
  });

  it("but not where no memory is left", async () => {
    refuseInstances(new RangeError("could not allocate memory"));
    const { adam } = await freshLibrary();
    await expect(adam().init(params())).rejects.toThrow(RangeError);
    expect(warnings).toEqual([]);
  });

  it("where only a small model's kernels were compiled in time", async () => {
    const { adam } = await freshLibrary();
    const small = () => ({ w: Float32Array.of(1, 2) });
    adam().initSync(small());
    refuseToCompile();
    expect(adam().initSync(small()).backend.path).toBe("linked");
    const large = adam().initSync(params());
    expect(large.backend).toMatchObject({ name: "reference", path: "reference" });
    expect(warnings).toHaveLength(1);
    expect(large.step()).toBe(true);
  });

  it.each([null, {}, { log() {} }])("where the console is %j, without a word", async (console) => {
    refuseToCompile();
    const { adam } = await freshLibrary();
    vi.stubGlobal("console", console);
    expect(adam().initSync(params()).backend.path).toBe("reference");
  });

  it("where there is no WebAssembly, silently if so wanted", async () => {
    vi.stubGlobal("WebAssembly", undefined);
    const { adam } = await freshLibrary();
    const optimizer = await adam().init(params(), { warn: false });
    expect(optimizer.backend).toMatchObject({ name: "reference", reason: "this engine has no WebAssembly" });
    expect(warnings).toEqual([]);
  });

  it("but not where wasm was asked for", async () => {
    refuseToCompile();
    const { adam } = await freshLibrary();
    const refusal = "the wasm backend cannot run here: this engine does not compile WebAssembly SIMD";
    await expect(adam().init(params(), { backend: "wasm" })).rejects.toThrow(refusal);
    expect(() => adam().initSync(params(), { backend: "wasm" })).toThrow(refusal);
  });
});

it("an update of another copy of the library is refused as such", async () => {
  const { adam } = await freshLibrary();
  expect(() => linked.chain(adam() as never)).toThrow(
    new TypeError("chain: argument 1 is an instance of Update of another copy of lanestep: use one"),
  );
});
