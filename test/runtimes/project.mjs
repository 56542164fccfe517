// @ts-check
// The scratch project in which all engines run: what `npm pack` gives, installed as a user installs it.

import { cp, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeFolder, removeFolder } from "./cleanup.mjs";
import { goldenTexts, writeGolden } from "./golden.mjs";
import { install } from "./packed.mjs";
import { output } from "./processes.mjs";

/**
 * @typedef {object} Context
 * @property {string} project the folder of the scratch project: in its node_modules are lanestep and what workload.mjs needs
 *   besides, beside them the files of `FILES`, golden.mjs (see ./golden.mjs) and the texts that it takes, golden.json
 * @property {{ kernels: string, warmed: string, loops: string }} modules files of WebAssembly, for `report` of workload.mjs
 */

const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));

/** Scripts that run in engines; in the project they stand side by side. */
const FILES = ["workload.mjs", ...["script", "golden-script", "files", "writer"].map((name) => `scripts/${name}.mjs`)];

/**
 * @template T
 * @param {(context: Context) => Promise<T>} body
 */
export async function inProject(body) {
  const project = makeFolder("lanestep-matrix-");
  try {
    await install(project);
    const hashes = join("node_modules", "@noble", "hashes");
    await cp(here(hashes), join(project, hashes), { recursive: true });
    for (const file of FILES) await cp(here(file), join(project, basename(file)));
    const bake = ["npx", "--no-install", "lanestep", "bake", "workload.mjs", "--export", "updates", "-o", "loops.wasm"];
    await output(bake, { cwd: project });
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
