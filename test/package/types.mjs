// The types as programs see them: compiled in a project that has the package, by every major version of TypeScript.

import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { output } from "../runtimes/processes.mjs";
import { linkPeers } from "./peers.mjs";
import { here, root } from "./places.mjs";

/** The oldest that the README names, and the newest of each major version. */
const compilers = ["typescript-5.7", "typescript-5", "typescript-6", "typescript-7"];

/** The library wants ES2022, and the symbol by which `using` lets go. */
const lib = ["es2022", "esnext.disposable"];

/** How modules are found, and what is known of the engine: each of both once. */
const settings = {
  "node16, the types of Node": {
    options: { module: "node16", moduleResolution: "node16", lib: ["es2022"], types: ["node"] },
    files: ["consumer.ts", "consumer-files.ts"],
  },
  "nodenext, no engine's types": {
    options: { module: "nodenext", moduleResolution: "nodenext", lib, types: [] },
    files: ["consumer.ts"],
  },
  "bundler, the types of the DOM": {
    options: { module: "esnext", moduleResolution: "bundler", lib: [...lib, "dom"], types: [] },
    files: ["consumer.ts"],
  },
  "bundler for workers, no engine's types": {
    options: { module: "esnext", moduleResolution: "bundler", customConditions: ["workerd"], lib, types: [] },
    files: ["consumer.ts"],
  },
  "bundler, the types of the DOM, with TensorFlow.js": {
    // Its own types are not those of every compiler.
    options: { module: "esnext", moduleResolution: "bundler", lib: [...lib, "dom"], types: [], skipLibCheck: true },
    files: ["consumer-tfjs.ts"],
  },
};

/** @param {import("./run.mjs").Context} context @returns {AsyncGenerator<import("./run.mjs").Check>} */
export async function* types({ project }) {
  await linkPeers(project);
  for (const name of ["consumer.ts", "consumer-files.ts", "consumer-tfjs.ts"])
    await cp(here(name), join(project, name));
  for (const compiler of compilers) {
    const folder = here(`node_modules/${compiler}`);
    const { version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    for (const [setting, { options, files }] of Object.entries(settings)) {
      yield {
        name: `TypeScript ${version}, ${setting}`,
        async body() {
          const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true };
          const checked = { skipLibCheck: false, verbatimModuleSyntax: true, isolatedModules: true, noEmit: true };
          const typeRoots = [join(root, "node_modules/@types")];
          const compilerOptions = { target: "es2022", ...strict, ...checked, typeRoots, ...options };
          await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files }));
          await output([process.execPath, join(folder, "bin/tsc"), "-p", "."], { cwd: project });
        },
      };
    }
  }
}
