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
 * Asks a worker that is served meanwhile.
 * @param {string} workerd @param {string} config
 * @param {(ask: (path: string, init?: RequestInit) => Promise<any>) => Promise<void>} body
 */
export async function inWorker(workerd, config, body) {
  const args = ["serve", config, "--socket-addr=http=127.0.0.1:0", "--control-fd=3"];
  const child = spawn(workerd, args, { cwd: root, stdio: ["ignore", "ignore", "pipe", "pipe"] });
  const closed = once(child, "close");
  const stderr = text(/** @type {import("node:stream").Readable} */ (child.stderr));
  try {
    const control = /** @type {import("node:stream").Readable} */ (child.stdio[3]);
    const [line] = await Promise.race([once(control, "data"), closed.then(() => [])]);
    if (line === undefined) throw new Error(await stderr);
    const { port } = JSON.parse(line);
    await body(async (path, init) => {
      const response = await fetch(`http://127.0.0.1:${port}/${path}`, init);
      if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
      return response.json();
    });
  } finally {
    child.kill();
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
  async "examples/worker: 100 steps, a request each, with the bits of Node's linked loops"(workerd) {
    await bake("examples/worker/chain.mjs");
    const { default: update } = await import("../../examples/worker/chain.mjs");
    const here = update.initSync({ w: { shape: [2] }, b: 0 });
    assert.equal(here.backend.path, "linked");
    await inWorker(workerd, "examples/worker/config.capnp", async (ask) => {
      for (let step = 0; step < 100; step++) {
        const x = [Math.fround(Math.sin(step)), Math.fround(Math.cos(3 * step))];
        const y = Math.fround(2 * x[0] - x[1] + 0.5);
        const { w, b } = here.params;
        const error = x[0] * w[0] + x[1] * w[1] + b[0] - y;
        here.step({ w: Float32Array.of(error * x[0], error * x[1]), b: error });
        const there = await ask("", { method: "POST", body: JSON.stringify({ x, y }) });
        assert.deepEqual([there.w, there.b, there.count], [Array.from(w), b[0], step + 1]);
        assert.deepEqual([there.backend.name, there.backend.path], ["wasm", "warmed"]);
      }
    });
  },

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
