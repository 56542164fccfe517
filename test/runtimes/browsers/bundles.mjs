// @ts-check
// Bundles, minified, as an app's build makes them.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";

/** @typedef {{ project: string, script: string, out: string }} Source a script of the project, and the folder of the bundle */

/**
 * Each writes a page with its bundle, and returns what it warns of.
 * @type {Record<string, (source: Source) => Promise<string[]>>}
 */
export const bundlers = {
  async rollup({ project, script, out }) {
    const { rollup } = await import("rollup");
    const { default: nodeResolve } = await import("@rollup/plugin-node-resolve");
    const { default: terser } = await import("@rollup/plugin-terser");
    /** @type {string[]} */
    const warnings = [];
    const build = await rollup({
      input: join(project, script),
      plugins: [nodeResolve()],
      onwarn: ({ message }) => warnings.push(message),
    });
    await build.write({ dir: out, format: "es", entryFileNames: "main.js", plugins: [terser()] });
    await build.close();
    await writeFile(join(out, "index.html"), html("main.js"));
    return warnings;
  },

  async esbuild({ project, script, out }) {
    const { build } = await import("esbuild");
    const { warnings } = await build({
      entryPoints: [join(project, script)],
      bundle: true,
      minify: true,
      format: "esm",
      outfile: join(out, "main.js"),
      logLevel: "silent",
    });
    await writeFile(join(out, "index.html"), html("main.js"));
    return warnings.map(({ text }) => text);
  },

  async vite({ project, script, out }) {
    const { build, createLogger } = await import("vite");
    await writeFile(join(project, "index.html"), html(script));
    /** @type {string[]} */
    const warnings = [];
    const warn = (/** @type {string} */ message) => warnings.push(message);
    const customLogger = { ...createLogger("silent"), warn, warnOnce: warn };
    await build({ root: project, configFile: false, logLevel: "warn", customLogger, build: { outDir: out } });
    return warnings;
  },
};

/** A page with one script. @param {string} script @param {string} [head] */
export const html = (script, head = "") =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>lanestep</title>${head}` +
  `<script type="module" src="${script}"></script></html>\n`;
