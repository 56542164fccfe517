// The package as npm and JSR would have it: node test/package/run.mjs [contents] [lint] [types] [sizes] [jsr], by default all.
// It is packed and installed into a project of its own. The tools come with `npm ci --prefix test/package`.

import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { install } from "../runtimes/packed.mjs";
import { contents } from "./contents.mjs";
import { jsr } from "./jsr.mjs";
import { lint } from "./lint.mjs";
import { sizes } from "./sizes.mjs";
import { types } from "./types.mjs";

/**
 * @typedef {object} Context
 * @property {string} tarball
 * @property {string} project a folder that has the tarball installed
 * @property {string} installed the package in it
 * @property {Record<string, any>} manifest
 */
/** @typedef {{ name: string, body: () => Promise<string | void> }} Check `body` throws, or gives what a line shows beside */

/** @type {Record<string, (context: Context) => AsyncIterable<Check> | Iterable<Check>>} */
const groups = { contents, lint, types, sizes, jsr };

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(groups);
const unknown = names.filter((name) => !Object.hasOwn(groups, name));
if (unknown.length > 0) throw new Error(`no group ${unknown}; there are ${Object.keys(groups)}`);

let [passed, failed] = [0, 0];
const project = await mkdtemp(join(tmpdir(), "lanestep-package-"));
try {
  const context = await contextOf(project);
  for (const name of names) {
    for await (const check of /** @type {NonNullable<typeof groups[string]>} */ (groups[name])(context)) {
      try {
        const shown = await check.body();
        console.log(`ok      ${name}: ${check.name}${shown ? `: ${shown}` : ""}`);
        passed++;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        console.log(`FAILED  ${name}: ${check.name}: ${message.slice(0, 2000)}`);
        failed++;
      }
    }
  }
} finally {
  await rm(project, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
if (failed > 0 || passed === 0) process.exitCode = 1;

/** @returns {Promise<Context>} */
async function contextOf(/** @type {string} */ project) {
  const tarball = await install(project);
  const installed = join(project, "node_modules/lanestep");
  const manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8"));
  return { tarball, project, installed, manifest };
}
