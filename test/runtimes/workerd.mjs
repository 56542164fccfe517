// The checks of workerd, which compiles no WebAssembly at run time: baked chains have the bits of Node's linked loops.

import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { run } from "./baked.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** As a user runs it, from the repository's root. */
const bake = (/** @type {string[]} */ ...args) =>
  promisify(execFile)(process.execPath, ["dist/cli.js", "bake", ...args], { cwd: root });

/**
 * Asks a worker that is served meanwhile, and then killed.
 * @param {string} workerd @param {string} config
 * @param {(ask: (path: string, init?: RequestInit) => Promise<any>, origin: string) => Promise<void>} body
 * @param {readonly string[]} options of `workerd serve`
 */
export async function inWorker(workerd, config, body, options = []) {
  const args = ["serve", config, "--socket-addr=http=127.0.0.1:0", "--control-fd=3", ...options];
  const child = spawn(workerd, args, { cwd: root, stdio: ["ignore", "ignore", "pipe", "pipe"] });
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

const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "test", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "test")],
);
const worker :Workerd.Worker = (
  modules = [
    (name = "test/runtimes/baked-worker.mjs", esModule = embed "../../test/runtimes/baked-worker.mjs"),
    (name = "test/runtimes/baked.mjs", esModule = embed "../../test/runtimes/baked.mjs"),
    (name = "test/runtimes/baked.wasm", wasm = embed "baked.wasm"),
    (name = "test/runtimes/other.wasm", wasm = embed "other.wasm"),
    (name = "dist/index.js", esModule = embed "../../dist/index.js"),
    (name = "dist/core.js", esModule = embed "../../dist/core.js"),
    (name = "dist/restore.js", esModule = embed "../../dist/restore.js"),
    (name = "dist/safetensors-read.js", esModule = embed "../../dist/safetensors-read.js"),
    (name = "dist/kernels.wasm", wasm = embed "../../dist/kernels.wasm"),
    (name = "dist/warmed.wasm", wasm = embed "../../dist/warmed.wasm"),
  ],
  compatibilityDate = "2025-01-01",
);
`;

/** @type {Record<string, (workerd: string) => Promise<void>>} */
const checks = {
  async "groups, gates, averages, statistics, a checkpoint, baked: the bits of Node's linked loops"(workerd) {
    const folder = `${root}/build/workerd`;
    await mkdir(folder, { recursive: true });
    await writeFile(`${folder}/config.capnp`, CONFIG);
    await bake("test/runtimes/baked.mjs", "--out", `${folder}/baked.wasm`);
    await bake("test/runtimes/baked.mjs", "--export", "other", "--out", `${folder}/other.wasm`);
    const here = await run({});
    assert.equal(here.path, "linked");
    assert.ok(here.norm > 0 && here.bits.flat(2).every(Number.isFinite));
    await inWorker(workerd, `${folder}/config.capnp`, async (ask) => {
      assert.deepEqual(await ask("baked"), { ...here, path: "warmed" });
      assert.deepEqual(await ask("warmed"), { ...here, path: "tiles" });
      const { error } = await ask("other");
      assert.match(error, /^Error: module was baked for \[scaleByAdam, addDecayedWeights, scaleByLearningRate\], by /);
    });
  },
};

/** The engine itself: what npm links to may be a script. */
export async function findWorkerd() {
  try {
    const found = await import("workerd");
    return found.default.default;
  } catch (error) {
    throw new Error(`workerd is missing: npm ci --prefix test/runtimes (${String(error).split("\n")[0]})`);
  }
}

/** @returns {AsyncGenerator<import("./engine.mjs").Check>} */
export async function* inWorkerd() {
  const workerd = await findWorkerd();
  for (const [name, body] of Object.entries(checks)) {
    const error = await body(workerd).then(
      () => undefined,
      (reason) => reason.message,
    );
    yield { name, error };
  }
}
