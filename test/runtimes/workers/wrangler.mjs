// @ts-check
// The checks of workers that give the library no modules: bundled by the tools of workers out of a project that has the
// package, and run by workerd. The condition `workerd` makes the library import its modules itself.

import assert from "node:assert/strict";
import { copyFile, mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { wordsOf } from "../errors.mjs";
import { findWorkerd, installed, nodeOf } from "../installed.mjs";
import { output } from "../processes.mjs";
import { configOf, inWorker } from "./workerd.mjs";

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
const WORKER = "unconfigured-worker.mjs";
const CHAINS = "unconfigured.mjs";

/** At this date workerd allows what it refuses later, to compile, while a worker starts. */
const DATE = "2026-11-01";

/** @type {import("esbuild").BuildOptions} */
const options = { entryPoints: [WORKER], bundle: true, format: "esm", conditions: ["workerd"] };

/**
 * What makes a folder of the worker: its script, and the modules that it imports.
 * @type {Record<string, (folder: string, out: string) => Promise<unknown>>}
 */
const bundlers = {
  async wrangler(folder, out) {
    const config = { name: "test", main: WORKER, compatibility_date: DATE };
    await writeFile(join(folder, "wrangler.json"), JSON.stringify(config));
    await bundleByWrangler(folder, out);
  },

  async "esbuild that copies modules"(folder, out) {
    const { build } = await import("esbuild");
    await build({ ...options, absWorkingDir: folder, outdir: out, loader: { ".wasm": "copy" } });
  },

  async "esbuild that leaves modules where they are"(folder, out) {
    const { build } = await import("esbuild");
    await build({ ...options, absWorkingDir: folder, outdir: out, external: ["*.wasm"] });
    await copyFile(join(folder, "own.wasm"), join(out, "own.wasm"));
    await mkdir(join(out, "lanestep"));
    for (const name of ["kernels.wasm", "warmed.wasm"]) {
      const file = join(folder, "../node_modules/lanestep/dist", name);
      await copyFile(file, join(out, name)); // imported by the package
      await copyFile(file, join(out, "lanestep", name)); // by the worker
    }
  },
};

/** Wrangler asks nothing of anybody. */
const OFFLINE = {
  CI: "1",
  NO_COLOR: "1",
  WRANGLER_SEND_METRICS: "false",
  WRANGLER_SEND_ERROR_REPORTS: "false",
  WRANGLER_HIDE_BANNER: "true",
  WRANGLER_WRITE_LOGS: "false",
};

/** What `wrangler deploy` would deploy of a folder. @param {string} folder @param {string} out */
export async function bundleByWrangler(folder, out) {
  const args = [installed("wrangler/bin/wrangler.js"), "deploy", "--dry-run", "--outdir", out];
  // It wants a newer Node than the library does.
  await output([nodeOf(26), ...args], { cwd: folder, env: OFFLINE });
}

/** The configuration of what a bundler made: the script is what is no WebAssembly. */
async function configure(/** @type {string} */ out) {
  const names = (await readdir(out, { recursive: true })).filter((name) => /\.(js|wasm)$/.test(name));
  names.sort((a, b) => Number(a.endsWith(".wasm")) - Number(b.endsWith(".wasm"))); // the first one is the worker
  const config = join(out, "config.capnp");
  const modules = names.map((name) => /** @type {const} */ ([name, name]));
  await writeFile(config, configOf(modules, DATE));
  return config;
}

/** What a worker has to take each way, and which chain that is. */
const expected = /** @type {const} */ ({
  usual: { name: "usual", path: "warmed", what: "a usual chain, with neither kernels nor module" },
  unusual: { name: "unusual", path: "tiles", what: "another chain, with neither kernels nor module" },
  baked: { name: "own", path: "warmed", what: "a baked chain, with its module alone" },
  given: { name: "usual", path: "warmed", what: "a usual chain, with both given by hand" },
});

/**
 * @param {{ project: string }} context a project that has the packed library installed
 * @returns {AsyncGenerator<import("../run.mjs").Check>}
 */
export async function* inWrangler({ project }) {
  const folder = join(project, "worker");
  await mkdir(folder, { recursive: true });
  for (const name of [WORKER, CHAINS]) await copyFile(here(name), join(folder, name));
  const bake = [join(project, "node_modules/lanestep/dist/cli.js"), "bake", CHAINS, "--export", "own"];
  await output([process.execPath, ...bake, "--out", "own.wasm"], { cwd: folder });
  /** @type {typeof import("./unconfigured.mjs")} */
  const { run, start } = await import(pathToFileURL(join(folder, CHAINS)).href);

  for (const [bundler, bundle] of Object.entries(bundlers)) {
    const out = join(folder, `out ${bundler}`.replaceAll(/\W+/g, "-"));
    try {
      await mkdir(out);
      await bundle(folder, out);
      /** @type {import("../run.mjs").Check[]} */
      const checks = [];
      await inWorker(await findWorkerd(), await configure(out), async (ask) => {
        for (const [way, { name, path, what }] of Object.entries(expected)) {
          const linked = await run(name, start(name));
          assert.deepEqual(linked.paths, ["linked", "linked", "linked"]);
          const error = await ask(way).then(
            (found) =>
              isDeepStrictEqual(found, { ...linked, paths: [path, path, path] })
                ? undefined
                : `other bits, or ${found.paths}`,
            wordsOf,
          );
          checks.push({ name: `bundled by ${bundler}: ${what}: ${path}, the bits of Node's linked loops`, error });
        }
      });
      yield* checks;
    } catch (error) {
      yield { name: `bundled by ${bundler}: runs`, error: wordsOf(error) };
    }
  }
}
