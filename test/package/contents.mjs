// What is in the tarball: its files, what the exports lead to, and what the code asks of an engine.

import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { output } from "../runtimes/processes.mjs";
import { linkPeers, peers } from "./peers.mjs";
import { root } from "./places.mjs";
import { scriptOf } from "./script.mjs";

/** By file what it imports, and what it asks for beyond ECMAScript and WebAssembly. */
const scripts = {
  "bake.js": { imports: [], globals: [] },
  "cli.js": {
    imports: ["./bake.js", "node:fs", "node:fs/promises", "node:path", "node:url", "node:util"],
    globals: ["URL", "process"],
  },
  "core.js": { imports: ["./restore.js", "./webgpu.js"], globals: ["console"] },
  "describe.js": { imports: ["./core.js"], globals: [] },
  "files.js": { imports: ["./core.js", "node:fs/promises", "node:path", "node:url"], globals: ["crypto"] },
  "glob.js": { imports: ["./core.js"], globals: [] },
  "index.js": { imports: ["./core.js"], globals: [] },
  "jax.js": { imports: ["./core.js", "@jax-js/jax"], globals: [] },
  "restore.js": { imports: ["./core.js", "./safetensors-read.js"], globals: [] },
  "safetensors-read.js": { imports: ["./core.js"], globals: [] },
  "safetensors.js": { imports: ["./core.js", "./safetensors-read.js"], globals: [] },
  "schedules.js": { imports: ["./core.js"], globals: [] },
  "tfjs.js": {
    imports: ["./core.js", "./safetensors-read.js", "./safetensors.js", "./webgpu.js", "@tensorflow/tfjs-core"],
    globals: ["TextDecoder"],
  },
  "webgpu.js": { imports: ["./core.js", "./restore.js"], globals: ["setTimeout", "structuredClone"] },
  "workerd.js": { imports: ["./core.js", "./kernels.wasm", "./warmed.wasm"], globals: [] },
};

const others = [
  "LICENSE",
  "README.md",
  "THIRD-PARTY-NOTICES.md",
  "package.json",
  "dist/kernels.wasm",
  "dist/warmed.wasm",
];

/** Those below a folder, sorted. */
async function filesOf(/** @type {string} */ folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files
    .map(({ parentPath, name }) =>
      join(parentPath, name)
        .slice(folder.length + 1)
        .replaceAll("\\", "/"),
    )
    .sort();
}

/** Every file that an export leads to, by its conditions. @returns {[string, string][]} */
const targetsOf = (/** @type {unknown} */ value, name = "") =>
  typeof value === "string"
    ? [[name, value]]
    : Object.entries(value ?? {}).flatMap(([key, inner]) => targetsOf(inner, `${name} ${key}`.trim()));

/** @param {import("./run.mjs").Context} context @returns {AsyncGenerator<import("./run.mjs").Check>} */
export async function* contents({ project, installed, manifest }) {
  const read = (/** @type {string} */ file) => readFile(join(installed, file));
  const script = async (/** @type {string} */ name) => scriptOf((await read(`dist/${name}`)).toString());

  yield {
    name: "the files are those that are expected, no more",
    async body() {
      const sources = (await filesOf(join(root, "src"))).filter(
        (name) => name.endsWith(".ts") && !name.endsWith(".d.ts"),
      );
      const expected = [
        ...others,
        ...Object.keys(scripts).flatMap((name) => [`dist/${name}`, `dist/${name}.map`]),
        ...[...sources.map((name) => name.replace(/ts$/, "d.ts")), "wasm.d.ts"].map((name) => `dist/types/${name}`),
      ].sort();
      const found = await filesOf(installed);
      assert.deepEqual(found, expected);
      return `${found.length} files`;
    },
  };

  yield {
    name: "no dependencies but peers, each optional; no scripts of an installation",
    async body() {
      const { dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta } = manifest;
      assert.deepEqual([dependencies, optionalDependencies], [undefined, undefined]);
      assert.deepEqual(Object.keys(peerDependencies), Object.values(peers));
      assert.deepEqual(
        peerDependenciesMeta,
        Object.fromEntries(Object.values(peers).map((name) => [name, { optional: true }])),
      );
      for (const name of ["preinstall", "install", "postinstall"]) assert.ok(!manifest.scripts[name], name);
    },
  };

  yield {
    name: "every export leads to files that are there, its types first",
    async body() {
      const targets = targetsOf(manifest.exports);
      for (const [name, file] of targets) assert.ok((await stat(join(installed, file))).isFile(), name);
      for (const [name, conditions] of Object.entries(manifest.exports)) {
        if (typeof conditions === "object") assert.equal(Object.keys(conditions)[0], "types", name);
      }
      return `${targets.length} files`;
    },
  };

  const importing = (/** @type {string} */ names) =>
    output([process.execPath, "--input-type=module", "--eval", names], { cwd: join(installed, "../..") });

  yield {
    name: "every export of JavaScript can be imported, by this Node; those for other libraries with these",
    async body() {
      const names = Object.entries(manifest.exports).flatMap(([name, { default: file }]) =>
        file?.endsWith(".js") ? [name.slice(2)] : [],
      );
      const line = (/** @type {string} */ name) => `await import("lanestep${name && `/${name}`}");`;
      const isAlone = (/** @type {string} */ name) => !Object.hasOwn(peers, name);
      await importing(names.filter(isAlone).map(line).join("\n"));
      for (const [entry, peer] of Object.entries(peers)) {
        await assert.rejects(importing(line(entry)), new RegExp(`Cannot find package '${peer}'`));
      }
      await linkPeers(project);
      await importing(names.map(line).join("\n"));
      return `${names.length} of them`;
    },
  };

  yield {
    name: "the entry for workerd has the names of the default one",
    async body() {
      const [workerd, index] = await Promise.all(["workerd.js", "index.js"].map(script));
      assert.deepEqual(workerd?.exports, index?.exports);
      assert.deepEqual(
        index?.exports,
        Object.keys(await import(pathToFileURL(join(installed, "dist/index.js")).href)).sort(),
      );
      return `${index?.exports.length} names`;
    },
  };

  yield {
    name: "the command is there",
    async body() {
      const stdout = await output([join(installed, "../.bin/lanestep"), "--help"], { cwd: installed });
      assert.match(stdout, /^lanestep bake /);
    },
  };

  yield {
    name: "kernels.wasm imports nothing, warmed.wasm the memory alone",
    async body() {
      const [kernels, warmed] = await Promise.all(
        ["kernels.wasm", "warmed.wasm"].map(
          async (name) => new WebAssembly.Module(new Uint8Array(await read(`dist/${name}`))),
        ),
      );
      assert.deepEqual(WebAssembly.Module.imports(/** @type {WebAssembly.Module} */ (kernels)), []);
      assert.deepEqual(WebAssembly.Module.imports(/** @type {WebAssembly.Module} */ (warmed)), [
        { module: "env", name: "memory", kind: "memory" },
      ]);
    },
  };

  for (const [name, expected] of Object.entries(scripts)) {
    yield {
      name: `${name}: no eval, no Function, nothing of an engine but ${[...expected.globals, ...expected.imports].join(", ") || "ECMAScript"}`,
      async body() {
        const { imports, globals } = await script(name);
        assert.deepEqual({ imports, globals }, expected);
      },
    };
  }
}
