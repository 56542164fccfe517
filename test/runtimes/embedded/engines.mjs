// @ts-check
// Engines with no process, fetch or DOM, and no loader of modules: the workload as one script. V8 in a context of Node's
// `vm` and in Python (MiniRacer), JavaScriptCore's own shell, SpiderMonkey in GJS, and Bare.

import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import nodeResolve from "@rollup/plugin-node-resolve";
import { rollup } from "rollup";
import { wordsOf } from "../errors.mjs";
import { checkGolden } from "../golden.mjs";
import { bare, nodeOf } from "../installed.mjs";
import { answer, run } from "../processes.mjs";

/** @typedef {import("../processes.mjs").Command} Command */
/** @typedef {import("../project.mjs").Context} Context */
/** @typedef {import("../run.mjs").Adapter} Adapter */
/** @typedef {import("../workload.mjs").Path} Path */

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * A module of the project and all that it imports, as a script that leaves the exports in a global.
 * @param {string} input @param {string} name
 */
async function scriptOf(input, name) {
  const build = await rollup({ input, plugins: [nodeResolve()] });
  const { output } = await build.generate({ format: "iife", name, inlineDynamicImports: true });
  await build.close();
  return output[0].code;
}

/** An expression: the module in a file. @param {string} path */
const moduleOf = async (path) => `new WebAssembly.Module(Uint8Array.of(${(await readFile(path)).join()}))`;

/** The workload's script: its value is the promise of a report, as text. @param {Context} context */
async function workloadOf({ project, modules }) {
  const each = Object.entries(modules).map(async ([name, path]) => `${name}: ${await moduleOf(path)}`);
  const given = `typeof WebAssembly === "object" ? { ${(await Promise.all(each)).join(", ")} } : null`;
  return `${await scriptOf(join(project, "workload.mjs"), "workload")}workload.report(${given}, Date.now).then(JSON.stringify)`;
}

/** The same of the golden cases. @param {Context} context */
async function goldenOf({ project }) {
  const texts = await readFile(join(project, "golden.json"), "utf8");
  return `${await scriptOf(join(project, "golden.mjs"), "golden")}Promise.resolve(${texts}).then(golden.holdGolden).then(JSON.stringify)`;
}

/**
 * What runs a script, its path to be added.
 * @typedef {object} Host
 * @property {string} engine
 * @property {Command} command
 * @property {Command} version prints it
 * @property {string} install the command that installs it
 * @property {string} [print] the global function that prints, where the host does not print the script's value
 * @property {string} [where]
 * @property {readonly Path[]} [paths]
 * @property {readonly string[]} [options] behind the script's path
 */

const python = process.env.LANESTEP_PYTHON ?? "python3";
const node = { command: [nodeOf(26), here("vm.mjs")], version: [nodeOf(26), "--version"] };

/** @type {Record<string, readonly Host[]>} */
const hosts = {
  vm: [
    { engine: "V8 in Node's vm", ...node, install: "npm ci --prefix test/runtimes" },
    {
      engine: "V8 in Node's vm",
      ...node,
      install: "npm ci --prefix test/runtimes",
      where: "no WebAssembly",
      paths: ["reference"],
      options: ["--no-wasm"],
    },
  ],
  miniracer: [
    {
      engine: "V8 in MiniRacer",
      command: [python, here("miniracer.py")],
      version: [python, here("miniracer.py"), "--version"],
      install: "pip install mini-racer==0.14.1 (into the Python that LANESTEP_PYTHON names)",
    },
  ],
  jsc: [
    {
      engine: "JavaScriptCore",
      command: ["jsc"],
      version: ["dpkg-query", "--show", "libjavascriptcoregtk-4.0-bin"],
      install: "apt-get install libjavascriptcoregtk-4.0-bin",
      print: "print",
    },
  ],
  gjs: [
    {
      engine: "SpiderMonkey in GJS",
      command: ["gjs"],
      version: ["gjs", "--version"],
      install: "apt-get install gjs",
      print: "print",
    },
  ],
  bare: [
    {
      engine: "Bare",
      command: [bare],
      version: [bare, "--version"],
      install: "npm ci --prefix test/runtimes",
      print: "console.log",
    },
  ],
};

/** @param {Host} host @param {string} script @param {string} file where it is written */
async function runIn({ command, print, options = [] }, script, file) {
  const failing = "(error) => JSON.stringify({ error: String(error) + error.stack })";
  const whole = `${script}.catch(${failing})`;
  await writeFile(file, print ? `${whole}.then(${print});\n` : whole);
  const found = await answer([...command, file, ...options]);
  if ("error" in found) throw new Error(found.error);
  return found;
}

/** @type {Record<string, Adapter>} */
export const embeddedEngines = Object.fromEntries(
  Object.entries(hosts).map(([name, places]) => [
    name,
    async function* (context) {
      for (const host of places) {
        const { engine, where = "script", paths = ["linked", "warmed", "tiles"] } = host;
        const { stdout, code } = await run(host.version).catch(() => ({ stdout: "", code: 1 }));
        if (code !== 0) {
          yield { name: "is there", error: `${engine} is missing: ${host.install}` };
          return;
        }
        const version = stdout.match(/(?:^|\s|v)(\d[\w.]*)/)?.[1] ?? "";
        const file = join(context.project, `${name}.js`);
        yield runIn(host, await workloadOf(context), file).then(
          (report) => ({ engine, version, where, paths, ...report }),
          (error) => ({ engine, version, where, paths, error: wordsOf(error) }),
        );
        if (!paths.includes("linked")) continue;
        yield checkGolden(runIn(host, await goldenOf(context), join(context.project, `${name}-golden.js`)));
      }
    },
  ]),
);
