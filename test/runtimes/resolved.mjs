// @ts-check
// The workload as engines take it that know no bare names: what it imports has its path in the project instead.

import { readFile } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { output } from "./processes.mjs";

const PRINT = "console.log(JSON.stringify(process.argv.slice(1).map((name) => import.meta.resolve(name))))";
const BARE = /(?<= from ")[^".][^"]*(?=")/g;

/**
 * Where Node finds what the workload imports, by name, as paths in the project.
 * @param {string} project @param {string[]} conditions of the `exports` of packages
 * @returns {Promise<Record<string, string>>}
 */
export async function importsOf(project, ...conditions) {
  const names = [...new Set((await readWorkload(project)).match(BARE))];
  const args = [...conditions.map((name) => `--conditions=${name}`), "--input-type=module", "--eval", PRINT, ...names];
  const stdout = await output([process.execPath, ...args], { cwd: project });
  /** @type {string[]} */
  const found = JSON.parse(stdout);
  return Object.fromEntries(names.map((name, i) => [name, relative(project, fileURLToPath(found[i] ?? ""))]));
}

/** @param {string} project */
const readWorkload = (project) => readFile(join(project, "workload.mjs"), "utf8");

/** @param {string} project @param {Readonly<Record<string, string>>} imports @param {string} root of the paths */
export async function resolvedWorkload(project, imports, root) {
  return (await readWorkload(project)).replace(BARE, (name) => root + imports[name]);
}
