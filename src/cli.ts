#!/usr/bin/env node
// The command `lanestep`.

import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { parse, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { bake } from "./bake.ts";
import type { Update } from "./update.ts";

const HELP = `lanestep bake <module> [-o <file>] [--export <name>]

Links the loops of a chain ahead of time, for engines that take WebAssembly only as modules that are imported.

  <module>         a JavaScript module that exports the chain: an update, an array or object of updates (one file serves
                   them all), or a function that returns one of these
  -o, --out        the file to write; by default the module's name with .wasm in the place of its extension
  --export <name>  which export holds the chain; by default "default"
  -h, --help       this text
  -v, --version    lanestep's version: a baked module serves no other whose arithmetic has changed

The file goes to init; with the kernels too where the export condition "workerd" is not set:

  import module from "./chain.wasm";
  import kernels from "lanestep/kernels.wasm";
  const optimizer = await update.init(params, { module, kernels });
`;

/** What the user can mend. */
class UserError extends Error {}

async function main(args: string[]): Promise<string> {
  const { values, positionals } = read(args);
  if (values.help) return HELP;
  if (values.version) {
    const { version } = JSON.parse(await readFile(new URL("../package.json", import.meta.url), "utf8"));
    return `${version}\n`;
  }
  const [command, module, ...more] = positionals;
  if (command !== "bake")
    throw new UserError(`${command ? `no command "${command}"` : "no command"}; there is "bake", and --help`);
  if (!module || more.length > 0) throw new UserError(`bake takes one module, got ${positionals.length - 1}`);
  const file = resolve(module);
  const { dir, name } = parse(file);
  const out = values.out === undefined ? resolve(dir, `${name}.wasm`) : resolve(values.out);
  if (out === file) throw new UserError(`"${module}" would be overwritten: name another file with --out`);
  const updates = await updatesOf(
    await load(file, module, values.export),
    `the export "${values.export}" of "${module}"`,
  );
  const bytes = linked(updates, module);
  await writeFile(out, bytes).catch((error) => {
    throw new UserError(`cannot write "${out}": ${error.message}`);
  });
  const loops = WebAssembly.Module.exports(new WebAssembly.Module(bytes)).map(({ name }) => `  ${name}\n`);
  return `${out}: ${bytes.length} bytes, ${loops.length} loops\n${loops.join("")}`;
}

function linked(updates: readonly Update[], module: string): Uint8Array<ArrayBuffer> {
  try {
    return bake(...updates);
  } catch (error) {
    throw error instanceof RangeError ? new UserError(`"${module}": ${error.message}`) : error;
  }
}

function read(args: string[]) {
  const options = {
    out: { type: "string", short: "o" },
    export: { type: "string", default: "default" },
    help: { type: "boolean", short: "h", default: false },
    version: { type: "boolean", short: "v", default: false },
  } as const;
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UserError((error as Error).message);
  }
}

async function load(file: string, module: string, name: string): Promise<unknown> {
  if (!existsSync(file)) throw new UserError(`there is no file "${module}"`);
  const url = pathToFileURL(file).href;
  const exported: Record<string, unknown> = await import(url).catch((error) => {
    if (error?.code === "ERR_UNKNOWN_FILE_EXTENSION" && /\.m?ts$/.test(file)) {
      throw new UserError(
        `this Node loads no TypeScript: give "${module}" to a later one, to Deno or Bun, or give JavaScript`,
      );
    }
    // Of the stack what stands in the module itself.
    const lines = String(error?.stack ?? error).split("\n");
    throw new UserError(
      [`cannot load "${module}":`, ...lines.filter((line) => !/^ +at /.test(line) || line.includes(url))].join("\n"),
    );
  });
  if (Object.hasOwn(exported, name)) return exported[name];
  const names = Object.keys(exported).map((found) => `"${found}"`);
  throw new UserError(`"${module}" has no export "${name}"; it has ${names.join(", ") || "none"}`);
}

/** The updates that an export holds. */
async function updatesOf(given: unknown, where: string): Promise<Update[]> {
  return updatesIn(await called(given, where), where, []);
}

function updatesIn(value: unknown, where: string, around: readonly object[]): Update[] {
  if (typeof value === "object" && value !== null && !around.includes(value)) {
    if (Array.isArray((value as Partial<Update>).rules)) return [value as Update];
    const entries = Object.entries(value);
    if (entries.length > 0) {
      return entries.flatMap(([key, inner]) => updatesIn(inner, `"${key}" in ${where}`, [...around, value]));
    }
  }
  throw new UserError(`${where} is no update such as chain(…), nor are updates in it: give the chain itself`);
}

async function called(given: unknown, where: string): Promise<unknown> {
  try {
    return await (typeof given === "function" ? given() : given);
  } catch (error) {
    throw new UserError(`${where} throws: ${error}`);
  }
}

let isOver = false;
process.on("exit", () => {
  if (isOver) return;
  process.stderr.write("lanestep: the module waits for a promise that never settles, or ends the process\n");
  process.exitCode ||= 13; // Node's own code for such a promise
});

try {
  process.stdout.write(await main(process.argv.slice(2)));
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.stderr.write(`lanestep: ${error.message}\n`);
  process.exitCode = 1;
} finally {
  isOver = true;
}
