// The command, as it is built: `npx lanestep bake` links a chain ahead of time.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { bake } from "../src/bake.ts";
import * as linked from "../src/index.ts";
import { fromFile, kernels, loopsIn, type Make, params, run } from "./support/baking.ts";
import { freshLibrary, refuseToCompile, restoreCompiler } from "./support/compiler.ts";

const FOLDER = "build/bake";

afterEach(restoreCompiler);

describe("npx lanestep", () => {
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
    refuseToCompile();
    const library = await freshLibrary();
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
