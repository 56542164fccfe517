import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { examplesIn, exported, moduleOf, runExample } from "./support/examples.ts";

const files = (readdirSync("src", { recursive: true }) as string[])
  .filter((file) => file.endsWith(".ts") && !file.startsWith("generated"))
  .map((file) => `src/${file}`);
const pages = ["README.md", ...readdirSync("docs").map((file) => `docs/${file}`)].filter((file) =>
  file.endsWith(".md"),
);
const source = files.map((file) => readFileSync(file, "utf8")).join("\n");

/** The docstring in front of an exported function. */
const docstring = (name: string): string =>
  source.match(new RegExp(`/\\*\\*((?:(?!\\*/)[\\s\\S])*)\\*/\\nexport (?:async )?function ${name}\\b`))?.[1] ?? "";

const functions = Object.entries(exported)
  .filter(([, value]) => typeof value === "function" && !/^class/.test(Function.prototype.toString.call(value)))
  .map(([name]) => name);

describe("every example in the docstrings runs and shows what it says", () => {
  const examples = files.flatMap(examplesIn);
  it.each(examples)("$where", async (example) => {
    expect(await runExample(example, (actual, expected) => expect(actual).toEqual(expected))).toBeGreaterThan(0);
  });
  it("finds them", () => expect(examples.length).toBeGreaterThan(35));
});

describe("the code of the README and of docs runs", () => {
  const examples = pages.flatMap(examplesIn);
  it.each(examples)("$where", async (example) => {
    await runExample(example, (actual, expected) => expect(actual).toEqual(expected));
  });
  // Of docs/speed.md the figures come from the bench; of docs/workers.md all but one are run by test/runtimes, of
  // docs/webgpu.md all on a device, by test/webgpu/documentation.spec.ts.
  it.each([
    ["README.md", 7],
    ["docs/scale.md", 4],
    ["docs/workers.md", 1],
  ])("finds it in %s", (page, least) => expect(examplesIn(page).length).toBeGreaterThanOrEqual(least));
});

it("all examples type-check", () => {
  const examples = [...files, ...pages].flatMap(examplesIn);
  rmSync("build/examples", { recursive: true, force: true });
  mkdirSync("build/examples", { recursive: true });
  examples.forEach((example, i) => {
    writeFileSync(`build/examples/${i}.ts`, moduleOf(example, "../.."));
  });
  const config = {
    extends: "../../tsconfig.json",
    compilerOptions: { noUnusedLocals: false, noUncheckedIndexedAccess: false },
    include: ["."],
  };
  writeFileSync("build/examples/tsconfig.json", JSON.stringify(config));
  const { stdout } = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "build/examples"]);
  expect(stdout.toString()).toBe("");
});

describe("every public function has a docstring", () => {
  it.each(functions)("%s", (name) => {
    const text = docstring(name);
    expect(text).not.toBe("");
    expect(text.includes("@example") || ["compose", "identity"].includes(name)).toBe(true);
  });
});
