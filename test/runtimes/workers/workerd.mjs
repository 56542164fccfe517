// @ts-check
// The checks of workerd, which compiles no WebAssembly at run time: baked chains have the bits of Node's linked loops.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { findWorkerd } from "../installed.mjs";

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/**
 * Asks a worker that is served meanwhile, and then killed.
 * @param {string} workerd @param {string} config
 * @param {(ask: (path: string, init?: RequestInit) => Promise<any>, origin: string) => Promise<void>} body
 * @param {readonly string[]} options of `workerd serve`
 */
export async function inWorker(workerd, config, body, options = []) {
  const args = ["serve", config, "--socket-addr=http=127.0.0.1:0", "--control-fd=3", ...options];
  const child = spawn(workerd, args, { stdio: ["ignore", "ignore", "pipe", "pipe"] });
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
    child.kill("SIGKILL");
    await closed;
  }
}

const dist = "../node_modules/lanestep/dist";
const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "test", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "test")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "baked-worker.mjs", esModule = embed "baked-worker.mjs"),
    (name = "baked.mjs", esModule = embed "baked.mjs"),
    (name = "baked.wasm", wasm = embed "baked.wasm"),
    (name = "other.wasm", wasm = embed "other.wasm"),
    (name = "lanestep", esModule = embed "${dist}/index.js"),
    (name = "core.js", esModule = embed "${dist}/core.js"),
    (name = "restore.js", esModule = embed "${dist}/restore.js"),
    (name = "safetensors-read.js", esModule = embed "${dist}/safetensors-read.js"),
    (name = "lanestep/kernels.wasm", wasm = embed "${dist}/kernels.wasm"),
    (name = "lanestep/warmed.wasm", wasm = embed "${dist}/warmed.wasm"),
  ],
  compatibilityDate = "2025-01-01",
);
`;

/** Groups, gates, averages, statistics and a checkpoint come to the bits of Node's linked loops. @param {string} project */
async function checkBaked(project) {
  const folder = join(project, "baked");
  await mkdir(folder);
  for (const name of ["baked.mjs", "baked-worker.mjs"]) await copyFile(here(name), join(folder, name));
  await writeFile(join(folder, "config.capnp"), CONFIG);
  const cli = join(project, "node_modules/lanestep/dist/cli.js");
  const bake = (/** @type {string[]} */ ...args) =>
    promisify(execFile)(process.execPath, [cli, "bake", "baked.mjs", ...args], { cwd: folder });
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
  const error = await checkBaked(project).then(
    () => undefined,
    (reason) => reason.message,
  );
  yield { name: "modules by hand, baked and not: the bits of Node's linked loops", error };
}
