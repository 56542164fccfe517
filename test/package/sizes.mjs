// What bundlers make of programs that import the package: how much of it they leave out, and that they keep what has an
// effect. Figures are bytes, minified and gzipped; those of the first load, and those that restore() loads later.

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import commonjs from "@rollup/plugin-commonjs";
import nodeResolve from "@rollup/plugin-node-resolve";
import terser from "@rollup/plugin-terser";
import * as esbuild from "esbuild";
import { rollup } from "rollup";
import * as vite from "vite";
import { linkPeers } from "./peers.mjs";

/** @typedef {{ file: string, code: string, isEntry: boolean, imports: string[] }} Chunk `imports`: at once, of chunks */
/** @typedef {{ minify?: boolean, conditions?: string[] }} Options */

const apps = {
  sgd: `import { sgd } from "lanestep";
globalThis.used = sgd({ learningRate: 0.1 });`,
  "adamw, clipping, a schedule": `import { adamw, chain, clipByGlobalNorm, cosineDecay } from "lanestep";
const learningRate = cosineDecay({ initValue: 1e-2, decaySteps: 1000 });
globalThis.used = chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate, decay: 0.01 }));`,
  everything: `import * as lanestep from "lanestep";
globalThis.used = lanestep;`,
};

/** Of everything, at most, on the first load. */
const LIMITS = { sgd: 0.77, "adamw, clipping, a schedule": 0.78 };

/** @type {Record<string, (file: string, options: Options) => Promise<Chunk[]>>} */
const bundlers = {
  async Rollup(file, { minify = false, conditions = [] }) {
    // TensorFlow.js imports packages of the old form.
    const plugins = [nodeResolve({ exportConditions: conditions }), commonjs()];
    const bundle = await rollup({ input: file, external: /\.wasm$/, plugins, onLog: ignoreEmpty });
    const { output } = await bundle.generate({ format: "es", plugins: minify ? [terser({ module: true })] : [] });
    return chunksOf(output);
  },

  async esbuild(file, { minify = false, conditions = [] }) {
    const { outputFiles, metafile } = await esbuild.build({
      ...{ entryPoints: [file], absWorkingDir: join(file, ".."), outdir: "out", write: false, metafile: true },
      ...{ bundle: true, splitting: true, format: "esm", minify, conditions, external: ["*.wasm"], logLevel: "silent" },
    });
    return outputFiles.map(({ path, text }) => {
      const name = /** @type {string} */ (Object.keys(metafile.outputs).find((key) => path.endsWith(key)));
      const { entryPoint, imports } = /** @type {NonNullable<typeof metafile.outputs[string]>} */ (
        metafile.outputs[name]
      );
      const atOnce = imports.filter(({ kind }) => kind === "import-statement").map(({ path }) => path);
      return { file: name, code: text, isEntry: entryPoint !== undefined && name.endsWith("app.js"), imports: atOnce };
    });
  },

  async Vite(file, { minify = false, conditions = [] }) {
    const { output } = /** @type {import("vite").Rolldown.RolldownOutput} */ (
      await vite.build({
        ...{ root: join(file, ".."), configFile: false, logLevel: "silent" },
        resolve: { conditions: [...conditions, "module"] },
        build: {
          ...{ write: false, minify, modulePreload: false },
          rolldownOptions: { input: file, external: /\.wasm$/ },
        },
      })
    );
    return chunksOf(output);
  },
};

/** A program that is nothing but an import without effects becomes an empty file: that is asked for here. */
const ignoreEmpty = (/** @type {unknown} */ _level, /** @type {import("rollup").RollupLog} */ log) => {
  if (log.code !== "EMPTY_BUNDLE") throw new Error(log.message);
};

/** @param {readonly any[]} output @returns {Chunk[]} */
const chunksOf = (output) =>
  output
    .filter(({ type }) => type === "chunk")
    .map(({ fileName, code, isEntry, imports }) => ({ file: fileName, code, isEntry, imports }));

/** Those that a program loads at once, and those that it may load later. @param {readonly Chunk[]} chunks */
function parts(chunks) {
  const atOnce = new Set(chunks.filter(({ isEntry }) => isEntry));
  assert.equal(atOnce.size, 1);
  for (const { imports } of atOnce) {
    for (const chunk of chunks) if (imports.includes(chunk.file)) atOnce.add(chunk);
  }
  return { atOnce: [...atOnce], later: chunks.filter((chunk) => !atOnce.has(chunk)) };
}

const gzipped = (/** @type {readonly Chunk[]} */ chunks) =>
  chunks.reduce((sum, { code }) => sum + gzipSync(code, { level: 9 }).length, 0);

/** @param {import("./run.mjs").Context} context @returns {AsyncGenerator<import("./run.mjs").Check>} */
export async function* sizes({ project, manifest }) {
  const file = join(project, "app.js");
  const bundled = async (/** @type {string} */ bundler, /** @type {string} */ code, /** @type {Options} */ options) => {
    await writeFile(file, code);
    return /** @type {NonNullable<typeof bundlers[string]>} */ (bundlers[bundler])(file, options);
  };

  for (const bundler of Object.keys(bundlers)) {
    yield {
      name: `${bundler}: what a program does not use is left out`,
      async body() {
        /** @type {Record<string, { first: number, later: number }>} */
        const found = {};
        for (const [name, code] of Object.entries(apps)) {
          const { atOnce, later } = parts(await bundled(bundler, code, { minify: true }));
          found[name] = { first: gzipped(atOnce), later: gzipped(later) };
        }
        const whole = /** @type {{ first: number }} */ (found.everything).first;
        const text = Object.entries(found)
          .map(([name, { first, later }]) => `${name} ${first} (${Math.round((first / whole) * 100)} %) + ${later}`)
          .join("; ");
        for (const [name, limit] of Object.entries(LIMITS)) {
          const { first = Number.NaN } = found[name] ?? {};
          assert.ok(first <= limit * whole, `${name} is past ${limit * 100} %: ${text}`);
        }
        return text;
      },
    };

    yield {
      name: `${bundler}: an entry that is imported and not used leaves nothing`,
      async body() {
        await linkPeers(project);
        const entries = Object.entries(manifest.exports).filter(([, { default: target }]) => target?.endsWith(".js"));
        const names = entries.map(([name]) => name).filter((name) => name !== "./files"); // Node's own modules stay
        const code = names.map((name, i) => `import * as all${i} from "lanestep${name.slice(1)}";`).join("\n");
        const { atOnce } = parts(await bundled(bundler, code, { minify: true }));
        const left = atOnce.map((chunk) => chunk.code.trim()).join("");
        assert.ok(left === "", left.slice(0, 500));
        return `${names.length} entries`;
      },
    };

    yield {
      name: `${bundler}: under the condition workerd the modules are imported and kept, the library is there once`,
      async body() {
        const code = `${apps.sgd}\nimport { byPath } from "lanestep/glob";\nimport { linear } from "lanestep/schedules";
globalThis.more = [byPath, linear];`;
        const chunks = await bundled(bundler, code, { conditions: ["workerd"] });
        const text = chunks.map((chunk) => chunk.code).join("\n");
        const once = { kernels: /from ?["'][^"']*\bkernels\.wasm/g, loops: /from ?["'][^"']*\bwarmed\.wasm/g };
        const given = /\(\{\s*module: ?[\w$]+,\s*kernels: ?[\w$]+,?\s*\}\)/g;
        const aClass = /name ?= ?"TreeMismatchError"/g;
        for (const [what, pattern] of Object.entries({ ...once, given, aClass })) {
          assert.equal(text.match(pattern)?.length, 1, `${what}: ${text.match(pattern)?.length} times, expected once`);
        }
      },
    };
  }
}
