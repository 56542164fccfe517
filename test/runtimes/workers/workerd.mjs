// @ts-check
// The checks of workerd, which compiles no WebAssembly at run time: baked chains have the bits of Node's linked loops.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";
import { kill, killedWithUs } from "../cleanup.mjs";
import { errorOf } from "../errors.mjs";
import { findWorkerd } from "../installed.mjs";
import { output } from "../processes.mjs";

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * Asks a worker that is served meanwhile, and then killed.
 * @param {string} workerd @param {string} config
 * @param {(ask: (path: string, init?: RequestInit) => Promise<any>, origin: string) => Promise<void>} body
 * @param {readonly string[]} options of `workerd serve`
 */
export async function inWorker(workerd, config, body, options = []) {
  const args = ["serve", config, "--socket-addr=http=127.0.0.1:0", "--control-fd=3", ...options];
  const child = killedWithUs(spawn(workerd, args, { stdio: ["ignore", "ignore", "pipe", "pipe"] }));
  const closed = once(child, "close");
  const stderr = text(/** @type {import("node:stream").Readable} */ (child.stderr));
  try {
    const control = /** @type {import("node:stream").Readable} */ (child.stdio[3]);
    const [line] = await Promise.race([once(control, "data"), closed.then(() => [])]);
    if (line === undefined) throw new Error(await stderr);
    const { port } = JSON.parse(line);
    const origin = `http://127.0.0.1:${port}`;
    await body(async (path, init) => {
      const response = await fetch(`${origin}/${path}`, init);
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      return response.json();
    }, origin);
  } finally {
    kill(child);
    await closed;
  }
}

/**
 * A configuration that serves one worker.
 * @param {Iterable<readonly [name: string, file: string]>} modules the first one is the worker; files beside the configuration
 * @param {string} date its compatibility date
 */
export function configOf(modules, date) {
  const lines = Array.from(modules, ([name, file]) => {
    const kind = file.endsWith(".wasm") ? "wasm" : "esModule";
    return `    (name = "${name}", ${kind} = embed "${file}"),\n`;
  });
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "test", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "test")],
);
const worker :Workerd.Worker = (
  modules = [
${lines.join("")}  ],
  compatibilityDate = "${date}",
);
`;
}

/** By the names that imports come to. */
const own = ["baked-worker.mjs", "baked.mjs", "baked.wasm", "other.wasm"];
const library = {
  lanestep: "index.js",
  "core.js": "core.js",
  "restore.js": "restore.js",
  "safetensors-read.js": "safetensors-read.js",
  "lanestep/kernels.wasm": "kernels.wasm",
  "lanestep/warmed.wasm": "warmed.wasm",
};

/** Groups, gates, averages, statistics and a checkpoint come to the bits of Node's linked loops. @param {string} project */
async function checkBaked(project) {
  const folder = join(project, "baked");
  await mkdir(folder);
  for (const name of ["baked.mjs", "baked-worker.mjs"]) await copyFile(here(name), join(folder, name));
  const modules = [
    ...own.map((name) => /** @type {const} */ ([name, name])),
    ...Object.entries(library).map(
      ([name, file]) => /** @type {const} */ ([name, `../node_modules/lanestep/dist/${file}`]),
    ),
  ];
  await writeFile(join(folder, "config.capnp"), configOf(modules, "2025-01-01"));
  const cli = join(project, "node_modules/lanestep/dist/cli.js");
  const bake = (/** @type {string[]} */ ...args) =>
    output([process.execPath, cli, "bake", "baked.mjs", ...args], { cwd: folder });
  await bake();
  await bake("--export", "other", "--out", "other.wasm");
  /** @type {typeof import("./baked.mjs")} */
  const { run } = await import(pathToFileURL(join(folder, "baked.mjs")).href);
  const linked = await run({});
  assert.equal(linked.path, "linked");
  assert.ok(Number(linked.norm) > 0 && linked.bits.flat(2).every(Number.isFinite));
  await inWorker(await findWorkerd(), join(folder, "config.capnp"), async (ask) => {
    assert.deepEqual(await ask("baked"), { ...linked, path: "warmed" });
    assert.deepEqual(await ask("warmed"), { ...linked, path: "tiles" });
    const { error } = await ask("other");
    assert.match(error, /^Error: module was baked for \[scaleByAdam, addDecayedWeights, scaleByLearningRate\], by /);
  });
}

/** @param {import("../run.mjs").Context} context @returns {AsyncGenerator<import("../run.mjs").Check>} */
export async function* inWorkerd({ project }) {
  const error = await errorOf(checkBaked(project));
  yield { name: "modules by hand, baked and not: the bits of Node's linked loops", error };
}
