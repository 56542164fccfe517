// @ts-check
// The workload in workerd, as static modules out of the project that has the package: its files under their own names.

import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { findWorkerd } from "../installed.mjs";
import { output } from "../processes.mjs";
import { importsOf, resolvedWorkload } from "../resolved.mjs";
import { configOf, inWorker } from "./workerd.mjs";

/** @typedef {import("../run.mjs").Row} Row */
/** @typedef {import("../run.mjs").Check} Check */

const WORKER = "workload-worker.mjs";

/** Files of the worker, beside its workload. @type {Readonly<Record<string, string>>} */
const files = {
  [WORKER]: fileURLToPath(new URL(WORKER, import.meta.url)),
  "answer.mjs": fileURLToPath(new URL("../browsers/client/answer.mjs", import.meta.url)),
};

/**
 * @param {string} project @param {string} folder in it, for the worker
 * @param {Readonly<Record<string, string>>} imports of the workload
 * @returns the path of the configuration
 */
async function configure(project, folder, imports) {
  await mkdir(folder);
  for (const [name, path] of Object.entries(files)) await copyFile(path, join(folder, name));
  await copyFile(join(project, "loops.wasm"), join(folder, "loops.wasm"));
  await writeFile(join(folder, "workload.mjs"), await resolvedWorkload(project, imports, "./"));

  const packages = [...new Set(Object.values(imports).map(dirname))];
  const packed = await Promise.all(
    packages.map(async (path) => (await readdir(join(project, path))).map((name) => `${path}/${name}`)),
  );
  const own = [WORKER, "answer.mjs", "workload.mjs", "loops.wasm"]; // the first one is the worker
  const modules = [...own, ...packed.flat().filter((name) => /\.(js|wasm)$/.test(name))];
  const config = join(folder, "config.capnp");
  const named = modules.map((name) => /** @type {const} */ ([name, own.includes(name) ? name : `../${name}`]));
  await writeFile(config, configOf(named, "2026-11-01"));
  return config;
}

/** @type {readonly { where: string, conditions: string[], ask: string, paths: Row["paths"] }[]} */
const WAYS = [
  { where: "static modules", conditions: ["workerd"], ask: "modules", paths: ["warmed", "tiles"] },
  { where: "no modules", conditions: [], ask: "", paths: ["reference"] },
];

/** @param {import("../run.mjs").Context} context @returns {AsyncGenerator<Check | Row>} */
export async function* workerdRows({ project }) {
  const workerd = await findWorkerd();
  const stdout = await output([workerd, "--version"]);
  for (const [i, { where, conditions, ask: path, paths }] of WAYS.entries()) {
    const row = { engine: "workerd", version: stdout.trim().split(" ").at(-1) ?? "", where, paths };
    try {
      /** @type {any} */
      let answer;
      const config = await configure(project, join(project, `workerd-${i}`), await importsOf(project, ...conditions));
      await inWorker(workerd, config, async (ask) => {
        answer = await ask(path);
      });
      const { error, report, warnings } = answer;
      if (error) throw new Error(error);
      yield { ...row, ...report };
      const expected = paths.includes("reference") ? 1 : 0;
      const isRight = warnings.length === expected;
      const told = `the console was told ${JSON.stringify(warnings)}`;
      yield { name: `${where}: warnings: ${expected}`, ...(!isRight && { error: told }) };
    } catch (error) {
      yield { ...row, error: String(error) };
    }
  }
}
