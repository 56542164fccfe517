// @ts-check
// The scratch project in which all engines run: what `npm pack` gives, installed as a user installs it.

import { cp, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeFolder, removeFolder } from "./cleanup.mjs";
import { goldenTexts, writeGolden } from "./golden.mjs";
import { output } from "./processes.mjs";

/**
 * @typedef {object} Context
 * @property {string} project the folder of the scratch project: in its node_modules are lanestep and what workload.mjs needs
 *   besides, beside them the files of `FILES`, golden.mjs (see ./golden.mjs) and the texts that it takes, golden.json
 * @property {{ kernels: string, warmed: string, loops: string }} modules files of WebAssembly, for `report` of workload.mjs
 */

const root = fileURLToPath(new URL("../..", import.meta.url));
const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/** Scripts that run in engines; in the project they stand side by side. */
const FILES = ["workload.mjs", ...["script", "golden-script", "files", "writer"].map((name) => `scripts/${name}.mjs`)];

/** Runs npm or npx. @param {string} command @param {string} cwd @param {string[]} args */
const npm = (command, cwd, ...args) =>
  output(command, args, { cwd, env: { ...process.env, npm_config_update_notifier: "false" } });

/**
 * @template T
 * @param {(context: Context) => Promise<T>} body
 */
export async function inProject(body) {
  const project = makeFolder("lanestep-matrix-");
  try {
    // What the build has left in dist/: npm ci, or npm run build, made it.
    const packed = await npm("npm", root, "pack", "--ignore-scripts", "--json", "--pack-destination", project);
    const [{ filename }] = JSON.parse(packed);
    await writeFile(join(project, "package.json"), JSON.stringify({ private: true, type: "module" }));
    await npm("npm", project, "install", "--offline", "--no-audit", "--no-fund", `./${filename}`);
    const hashes = join("node_modules", "@noble", "hashes");
    await cp(here(hashes), join(project, hashes), { recursive: true });
    for (const file of FILES) await cp(here(file), join(project, basename(file)));
    await npm(
      "npx",
      project,
      "--no-install",
      "lanestep",
      "bake",
      "workload.mjs",
      "--export",
      "updates",
      "-o",
      "loops.wasm",
    );
    await writeGolden(project);
    await writeFile(join(project, "golden.json"), JSON.stringify(await goldenTexts()));
    const dist = join(project, "node_modules", "lanestep", "dist");
    return await body({
      project,
      modules: {
        kernels: join(dist, "kernels.wasm"),
        warmed: join(dist, "warmed.wasm"),
        loops: join(project, "loops.wasm"),
      },
    });
  } finally {
    await removeFolder(project);
  }
}
