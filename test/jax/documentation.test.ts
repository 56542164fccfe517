import { readdirSync, readFileSync } from "node:fs";
import * as jax from "@jax-js/jax";
import { beforeAll, describe, expect, it } from "vitest";
import * as glob from "../../src/glob.ts";
import * as lanestep from "../../src/index.ts";
import * as adapter from "../../src/jax/index.ts";
import { DEVICES, startDevices } from "./support.ts";

const PAGE = "docs/jax.md";
const MODULES: Readonly<Record<string, object>> = {
  "@jax-js/jax": jax,
  lanestep,
  "lanestep/glob": glob,
  "lanestep/jax": adapter,
};

/** The `js` blocks of a text; in docstrings without their leading stars. */
const blocksOf = (text: string): string[] =>
  Array.from(text.replace(/^ *\* ?/gm, "").matchAll(/^```js\n([\s\S]*?)^```$/gm), ([, code]) => code!);

/** Imports become look-ups, and lines `expression; // => value` checks. */
const runnable = (code: string): string =>
  code
    .replace(/^import \{(.*)\} from "(.*)";$/gm, (_, names, module) => {
      if (!MODULES[module]) throw new Error(`"${module}" is no module of these examples`);
      return `const {${names.replaceAll(" as ", ": ")}} = __modules["${module}"];`;
    })
    .replace(/^(?!const |let )(\S.*); \/\/ => (.*)$/gm, "__check(($1), ($2));");

/** @returns how many values were checked */
async function run(code: string, scope: Readonly<Record<string, unknown>>): Promise<number> {
  let checks = 0;
  const check = (actual: unknown, expected: unknown) => {
    checks += 1;
    expect(actual).toEqual(expected);
  };
  const names = ["__modules", "__check", ...Object.keys(scope)];
  const body = new (Object.getPrototypeOf(async () => {}).constructor)(...names, `"use strict";${runnable(code)}`);
  await body(MODULES, check, ...Object.values(scope));
  return checks;
}

beforeAll(startDevices);

it.each(DEVICES)(`${PAGE} runs from its first block to its last, on %s`, async (device) => {
  const blocks = blocksOf(readFileSync(PAGE, "utf8"));
  const page = blocks.join("\n").replace('defaultDevice("wasm")', `defaultDevice("${device}")`);
  expect(page).toContain(`defaultDevice("${device}")`);
  expect(await run(page, {})).toBe(page.split("// => ").length - 1);
});

describe("the examples of the docstrings run", () => {
  const files = readdirSync("src/jax").map((file) => `src/jax/${file}`);
  const examples = files.flatMap((file) => blocksOf(readFileSync(file, "utf8")).map((code) => ({ file, code })));
  const { numpy: np, tree, grad, valueAndGrad } = jax;

  it.each(examples)("$file", async ({ code }) => {
    jax.defaultDevice("wasm");
    expect(await run(code, { ...lanestep, ...adapter, np, tree, grad, valueAndGrad })).toBeGreaterThan(0);
  });
  it("each of the three functions and classes has one", () => expect(examples.length).toBe(3));
});
