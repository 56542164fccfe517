import { readFileSync } from "node:fs";
import { transformWithOxc } from "vite";
import * as lanestep from "../../src/index.js";

/** A `ts` block of a docstring or of a page. */
export interface Example {
  readonly where: string;
  readonly code: string;
}

/** The `ts` blocks of a file; in docstrings without their leading stars. */
export function examplesIn(file: string): Example[] {
  const lines = readFileSync(file, "utf8").split("\n");
  const examples: Example[] = [];
  let block: string[] | null = null;
  lines.forEach((line, i) => {
    const text = line.replace(/^\s*\* ?/, file.endsWith(".md") ? (line.match(/^\s*\* ?/)?.[0] ?? "") : "");
    if (block === null && text.trim() === "```ts") block = [];
    else if (block !== null && text.trim() === "```") {
      examples.push({ where: `${file}:${i - block.length}`, code: block.join("\n") });
      block = null;
    } else block?.push(text);
  });
  return examples;
}

const NAMES = Object.keys(lanestep);

/** Lines `expression; // => value`, or with the arrow on the next line, become checks; imports of the package are given. */
function withChecks(code: string): string {
  return code
    .replace(/^import .* from "lanestep";$/gm, "")
    .replace(/;\n\/\/ => /g, "; // => ")
    .replace(/^(?!const |let )(\S.*); \/\/ => (.*)$/gm, "__check(($1), ($2));");
}

/**
 * Runs an example as a module of its own would run.
 *
 * @returns how many values it checked
 */
export async function runExample({ code, where }: Example, check: (actual: unknown, expected: unknown) => void) {
  let checks = 0;
  const { code: script } = await transformWithOxc(withChecks(code), `${where}.ts`.replace(/[^\w.]/g, "_"), {
    sourcemap: false,
  });
  const body = new (Object.getPrototypeOf(async () => {}).constructor)("__check", ...NAMES, script);
  await body(
    (actual: unknown, expected: unknown) => {
      checks += 1;
      check(actual, expected);
    },
    ...NAMES.map((name) => (lanestep as Record<string, unknown>)[name]),
  );
  return checks;
}
