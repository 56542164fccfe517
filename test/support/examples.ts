import { readFileSync } from "node:fs";
import { transformWithOxc } from "vite";
import * as bake from "../../src/bake.ts";
import * as describe from "../../src/describe.ts";
import * as files from "../../src/files.ts";
import * as glob from "../../src/glob.ts";
import * as lanestep from "../../src/index.ts";
import * as safetensors from "../../src/safetensors.ts";
import * as schedules from "../../src/schedules/index.ts";

/** The package's entries by their source. */
const entries: Readonly<Record<string, object>> = {
  "src/index.ts": lanestep,
  "src/bake.ts": bake,
  "src/describe.ts": describe,
  "src/files.ts": files,
  "src/glob.ts": glob,
  "src/safetensors.ts": safetensors,
  "src/schedules/index.ts": schedules,
};

/** What any entry exports, by name; what several do is the same. */
export const exported: Readonly<Record<string, unknown>> = Object.assign({}, ...Object.values(entries));

const IMPORTS = /^import .* from "lanestep(\/\w+)?";$/gm;
const NODE_IMPORTS = /^import (.*) from ("node:.*");$/gm;

/** An example without imports of the package: all its names are in scope. */
const withoutImports = (code: string): string => code.replace(IMPORTS, "");

/** An example as a module that imports the package's names by a path to its root, for the type checker. */
export function moduleOf({ code, where }: Example, root: string): string {
  const taken = new Set<string>();
  const imports = Object.entries(entries).map(([source, entry]) => {
    const names = Object.keys(entry).filter((name) => !taken.has(name));
    for (const name of names) taken.add(name);
    return `import { ${names.join(", ")} } from "${root}/${source}";`;
  });
  const all = [...imports, ...(code.match(NODE_IMPORTS) ?? [])].join("\n");
  const body = withoutImports(code).replace(NODE_IMPORTS, "");
  return `${all}\n// ${where}\nexport async function example() {\n${body}\n}\n`;
}

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

/** Lines `expression; // => value`, or with the arrow on the next line, become checks. */
function withChecks(code: string): string {
  return withoutImports(code)
    .replace(NODE_IMPORTS, "const $1 = process.getBuiltinModule($2);")
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
  const body = new (Object.getPrototypeOf(async () => {}).constructor)("__check", ...Object.keys(exported), script);
  await body(
    (actual: unknown, expected: unknown) => {
      checks += 1;
      check(actual, expected);
    },
    ...Object.values(exported),
  );
  return checks;
}
