import { join } from "node:path";
import nodeResolve from "@rollup/plugin-node-resolve";
import terser from "@rollup/plugin-terser";
import MagicString from "magic-string";
import { rollup } from "rollup";
import { calledAtFirst, compileAtOnce } from "./at-once.mjs";
import { pureConstants } from "./pure.mjs";

/** What the package exports; parts that several entries share, and those loaded on demand, become files of their own. */
export const ENTRIES = ["index", "describe", "files", "glob", "jax", "safetensors", "schedules", "tfjs", "workerd"];

/** What runs before a program does. It has its own copy of what it needs: the default import need not share it. */
export const TOOLS = ["bake", "cli"];

/**
 * Whether a module is imported by another, through others or not; what is imported on demand is not.
 *
 * @param {string} from @param {string} id @param {import("rollup").GetModuleInfo} infoOf @param {Set<string>} seen
 * @returns {boolean}
 */
function isNeededBy(from, id, infoOf, seen = new Set()) {
  if (from === id) return true;
  seen.add(from);
  return (infoOf(from)?.importedIds ?? []).some((next) => !seen.has(next) && isNeededBy(next, id, infoOf, seen));
}

/**
 * Terser, which is told to call what a shared file exports as Rollup does: `export{a,b}` is shorter than `export{x as a,y as b}`.
 *
 * @param {import("@rollup/plugin-terser").Options} options @returns {import("rollup").OutputPlugin}
 */
function minify(options) {
  return {
    name: "minify",
    async renderChunk(code, chunk, output, meta) {
      /** @type {Record<string, string>} */
      const props = {};
      for (const node of /** @type {any[]} */ (this.parse(code).body)) {
        if (chunk.isEntry || chunk.isDynamicEntry || node.type !== "ExportNamedDeclaration" || node.source) continue;
        for (const { local, exported } of node.specifiers) props[`$${local.name}`] = exported.name;
      }
      const plugin = terser({ ...options, nameCache: { vars: { props } } });
      return /** @type {Function} */ (plugin.renderChunk).call(this, code, chunk, output, meta);
    },
  };
}

/** A string, or an object of literals. @param {any} node of a syntax tree @returns {boolean} */
const isData = (node) =>
  node?.type === "Literal" ||
  (node?.type === "ObjectExpression" && node.properties.every((/** @type {any} */ each) => isData(each.value)));

/**
 * Moves long strings that stand at the top of a file to its end: gzip looks back 32 KiB, and code compresses by other code.
 * Nothing that runs while the file loads may read them.
 *
 * @returns {import("rollup").OutputPlugin} to run before the minifier, which joins declarations
 */
function dataLast() {
  return {
    name: "data-last",
    renderChunk(code) {
      const text = new MagicString(code);
      for (const { type, declarations, start, end } of /** @type {any[]} */ (this.parse(code).body)) {
        const isLong = type === "VariableDeclaration" && end - start > 900;
        if (isLong && isData(declarations[0].init)) text.move(start, end, code.length);
      }
      return { code: text.toString(), map: text.generateMap({ hires: "boundary" }) };
    },
  };
}

/** Lets functions declare with one word instead of two. @returns {import("rollup").OutputPlugin} */
function letInFunctions() {
  return {
    name: "let-in-functions",
    renderChunk(code) {
      const text = new MagicString(code);
      const walk = (/** @type {any} */ node, inFunction = false) => {
        if (typeof node !== "object" || node === null) return;
        const { type, kind, start } = node;
        if (inFunction && type === "VariableDeclaration" && kind === "const") text.update(start, start + 5, "let");
        for (const part of Object.values(node)) walk(part, inFunction || /Function/.test(type));
      };
      for (const statement of this.parse(code).body) walk(statement);
      return { code: text.toString(), map: text.generateMap({ hires: "boundary" }) };
    },
  };
}

/** @param {Readonly<Record<string, string>>} input by entry @param {string} dir */
export async function bundle(input, dir) {
  const build = await rollup({
    input,
    external: [/^node:/, "@jax-js/jax", "@tensorflow/tfjs-core", /^\.\/\w+\.wasm$/],
    preserveEntrySignatures: "strict",
    context: "globalThis", // TypeScript looks in `this` for the helper that it writes around import(name)
    plugins: [nodeResolve()],
    onwarn(warning) {
      throw new Error(warning.message);
    },
  });
  /** @param {import("rollup").OutputPlugin[]} last */
  const write = (...last) =>
    build.write({
      dir,
      format: "es",
      entryFileNames: "[name].js",
      chunkFileNames: "[name].js",
      // What the default entry needs at once is one file, whatever the other entries share with it.
      manualChunks: (id, { getModuleInfo }) => (isNeededBy(input.index ?? "", id, getModuleInfo) ? "core" : undefined),
      sourcemap: true,
      plugins: [
        dataLast(),
        minify({
          module: true,
          ecma: 2020,
          keep_classnames: /^(Optimizer|Update)$/, // what a console shows
          format: { max_line_len: 1600 }, // an engine shows the line that threw
          compress: { passes: 3, pure_getters: true, unsafe_arrows: true, unsafe_methods: true },
        }),
        letInFunctions(),
        pureConstants(),
        ...last,
      ],
    });
  await write();
  if (input.index) await write(compileAtOnce(calledAtFirst(join(dir, "index.js"))));
  await build.close();
}
