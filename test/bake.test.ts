// Loops of a chain of one's own, linked ahead: by `npx lanestep bake` and by `lanestep/bake`.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { bake } from "../src/bake.ts";
import * as linked from "../src/index.ts";
import { link } from "../src/link/link.ts";
import * as optimizers from "../src/optimizers.ts";
import { anyForest, anyNested, build, runs, zerosOf } from "./oracle/arbitrary.ts";
import { bitsIn } from "./support/untouched.ts";

const FOLDER = "build/bake";
const compile = { Module: WebAssembly.Module, compile: WebAssembly.compile };
const moduleOf = (bytes: Uint8Array) => new compile.Module(bytes as Uint8Array<ArrayBuffer>);
const fromFile = (path: string) => moduleOf(readFileSync(path));
const kernels = fromFile("dist/kernels.wasm");
const warmed = fromFile("dist/warmed.wasm");
const loopsIn = (module: WebAssembly.Module) => WebAssembly.Module.exports(module).map(({ name }) => name);

/** As in workerd, for a copy of the library that has compiled nothing yet. */
async function libraryThatCompilesNothing(): Promise<typeof linked> {
  const refused = new WebAssembly.CompileError("code generation disallowed");
  WebAssembly.Module = new Proxy(compile.Module, {
    construct() {
      throw refused;
    },
  });
  WebAssembly.compile = () => Promise.reject(refused);
  vi.resetModules();
  return import("../src/index.ts");
}

afterEach(() => void Object.assign(WebAssembly, compile));

const params = () => ({ w: { shape: [30, 30] }, b: Float32Array.of(1, 2, 3), k: Float32Array.of(4) });

/** Steps, and one update by hand. */
function run(optimizer: linked.Optimizer<ReturnType<typeof params>>): number[] {
  const { grads } = optimizer;
  const { w, b } = grads;
  for (let step = 0; step < 4; step++) {
    for (let i = 0; i < w.length; i++) w[i] = (((i * 31 + step * 17) % 211) - 105) / 97;
    b.set([1, step === 2 ? Number.NaN : -2, step]);
    optimizer.step(grads, { value: 1 });
  }
  b.fill(1);
  optimizer.update(grads, { value: 1 });
  optimizer.apply();
  return bitsIn(optimizer.params);
}

type Make = (l: typeof linked) => linked.Update;
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
        const library = await libraryThatCompilesNothing();
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
    const library = await libraryThatCompilesNothing();
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

describe("the command", () => {
  const lanestep = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, ["../../dist/cli.js", ...args], {
      cwd: FOLDER,
      encoding: "utf8",
    });
    return { status, stdout, stderr };
  };
  const write = (name: string, code: string) =>
    writeFileSync(`${FOLDER}/${name}`, `import { adam, adamw, chain, clip, sgd, trace } from "lanestep";\n${code}\n`);

  beforeEach(() => {
    rmSync(FOLDER, { recursive: true, force: true });
    mkdirSync(FOLDER, { recursive: true });
  });

  it("bakes the default export, beside the module or where it is told", async () => {
    write("own.mjs", "export default chain(trace(), clip(), adam());");
    const own: Make = (l) => l.chain(l.trace(), l.clip(), l.adam());
    const bytes = Buffer.from(bake(own(linked)));
    const printed = (file: string) =>
      `${process.cwd()}/${FOLDER}/${file}: ${bytes.length} bytes, 3 loops\n` +
      "  apply\n  trace|clip|adam|scale|apply\n  trace|clip|adam|scale|store\n";
    expect(lanestep("bake", "own.mjs")).toEqual({ status: 0, stdout: printed("own.wasm"), stderr: "" });
    expect(lanestep("bake", "-o", "out", "own.mjs")).toEqual({ status: 0, stdout: printed("out"), stderr: "" });
    for (const file of ["own.wasm", "out"]) expect(readFileSync(`${FOLDER}/${file}`).equals(bytes), file).toBe(true);
    const expected = run(own(linked).initSync(params()));
    const library = await libraryThatCompilesNothing();
    const optimizer = own(library).initSync(params(), { kernels, module: fromFile(`${FOLDER}/own.wasm`) });
    expect(optimizer.backend.path).toBe("warmed");
    expect(run(optimizer)).toEqual(expected);
  });

  it.each([
    ["a named export", "export const mine = sgd();", "mine", ["apply", "scale|apply", "scale|store"]],
    ["an array", "export default [trace(), adam()];", "default", ["adam|scale|apply", "trace|apply"]],
    ["an object", "export default { a: trace(), b: [adam()] };", "default", ["adam|scale|apply", "trace|apply"]],
    ["a function", "export default async () => ({ a: trace(), b: [adam()] });", "default", ["adam|scale|apply"]],
    ["an optimizer that was not called", "export default adamw;", "default", ["adam|decay|apply"]],
  ])("takes %s", (_name, code, name, loops) => {
    write("chain.mjs", code);
    expect(lanestep("bake", "chain.mjs", "--export", name)).toMatchObject({ status: 0, stderr: "" });
    expect(loopsIn(fromFile(`${FOLDER}/chain.wasm`))).toEqual(expect.arrayContaining(loops));
  });

  it.each([
    ["no command", [], /^lanestep: no command; there is "bake", and --help\n$/],
    ["another command", ["cook", "chain.mjs"], /^lanestep: no command "cook"; there is "bake", and --help\n$/],
    ["no module", ["bake"], /^lanestep: bake takes one module, got 0\n$/],
    ["two modules", ["bake", "chain.mjs", "b.mjs"], /^lanestep: bake takes one module, got 2\n$/],
    ["an unknown option", ["bake", "chain.mjs", "--into", "x"], /^lanestep: Unknown option '--into'/],
    [
      "an option without its value",
      ["bake", "chain.mjs", "-o"],
      /^lanestep: Option '-o, --out <value>' argument missing\n$/,
    ],
    ["no such file", ["bake", "absent.mjs"], /^lanestep: there is no file "absent\.mjs"\n$/],
    [
      "no such export",
      ["bake", "chain.mjs", "--export", "x"],
      /^lanestep: "chain\.mjs" has no export "x"; it has "default", "itself", "make", "no", "none"\n$/,
    ],
    [
      "an export that is none",
      ["bake", "chain.mjs", "--export", "no"],
      /^lanestep: "1" in the export "no" of "chain\.mjs" is no update such as chain/,
    ],
    [
      "a function that throws",
      ["bake", "chain.mjs", "--export", "make"],
      /^lanestep: the export "make" of "chain\.mjs" throws: Error: mine\n$/,
    ],
    [
      "an object that holds itself",
      ["bake", "chain.mjs", "--export", "itself"],
      /^lanestep: "self" in the export "itself" of "chain\.mjs" is no update such as chain/,
    ],
    [
      "a list of none",
      ["bake", "chain.mjs", "--export", "none"],
      /^lanestep: the export "none" of "chain\.mjs" is no update such as chain\(…\), nor are updates in it/,
    ],
    [
      "a module that throws",
      ["bake", "throws.mjs"],
      /^lanestep: cannot load "throws\.mjs":\nError: mine\n {4}at file:.*throws\.mjs:2:7\n$/,
    ],
    [
      "a module that is none",
      ["bake", "broken.mjs"],
      /^lanestep: cannot load "broken\.mjs":\n[\s\S]*SyntaxError: .*\n$/,
    ],
    [
      "a place that is none",
      ["bake", "chain.mjs", "-o", "none/out.wasm"],
      /^lanestep: cannot write ".*none\/out\.wasm": ENOENT/,
    ],
    [
      "its own module to write",
      ["bake", "chain.mjs", "-o", "./chain.mjs"],
      /^lanestep: "chain\.mjs" would be overwritten/,
    ],
  ])("refuses %s, in a sentence", (_name, args, words) => {
    write(
      "chain.mjs",
      'export default adam();\nexport const no = [adam(), 5];\nexport const none = [];\nexport const itself = { x: adam() };\nitself.self = itself;\nexport const make = () => { throw new Error("mine"); };',
    );
    write("throws.mjs", 'throw new Error("mine");');
    write("broken.mjs", "export default (;");
    const { status, stdout, stderr } = lanestep(...args);
    expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
    expect(stderr).toMatch(words);
    expect(existsSync(`${FOLDER}/chain.wasm`)).toBe(false);
  });

  it.each([
    ["a function whose promise never settles", "export default () => new Promise(() => {});"],
    ["a module that waits for ever", "await new Promise(() => {});"],
    ["a module that ends the process", "process.exit(0);"],
  ])("says so where nothing comes of %s", (_name, code) => {
    write("never.mjs", code);
    const { status, stdout, stderr } = lanestep("bake", "never.mjs");
    expect({ status, stdout }).toEqual({ status: 13, stdout: "" });
    expect(stderr).toContain("lanestep: the module waits for a promise that never settles, or ends the process\n");
  });

  it("refuses too many combinations in a sentence", () => {
    write(
      "many.mjs",
      'import { masked } from "lanestep";\nexport default chain(...Array.from({ length: 13 }, () => masked(clip(), () => true)));',
    );
    const { status, stderr } = lanestep("bake", "many.mjs");
    expect(status).toBe(1);
    expect(stderr).toMatch(/^lanestep: "many\.mjs": labels and masks can meet in 8192 combinations, .*\n$/);
  });

  it("tells its version, and that an older Node loads no TypeScript", () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8"));
    expect(lanestep("--version")).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
    write("chain.ts", "export default adam();");
    const { status, stderr } = lanestep("bake", "chain.ts");
    const loadsTypeScript = "typescript" in process.features && process.features.typescript !== false;
    expect(status).toBe(loadsTypeScript ? 0 : 1);
    if (!loadsTypeScript) expect(stderr).toMatch(/^lanestep: this Node loads no TypeScript: .*\n$/);
  });

  it("tells how it is used", () => {
    for (const args of [["--help"], ["-h"], ["bake", "--help"]]) {
      const { status, stdout, stderr } = lanestep(...args);
      expect([status, stderr]).toEqual([0, ""]);
      expect(stdout).toMatch(/^lanestep bake <module> \[-o <file>\] \[--export <name>\]\n/);
    }
  });
});
