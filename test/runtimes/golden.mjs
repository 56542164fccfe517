// @ts-check
// The golden cases of test/golden, for engines that have no test runner: what test/golden.test.ts runs on both backends.

import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rollup } from "rollup";
import { wordsOf } from "./errors.mjs";
import { output } from "./processes.mjs";

/** What `holdGolden` of test/support/golden/everywhere.ts returns. @typedef {{ held: number, failures: string[] }} Golden */

const root = fileURLToPath(new URL("../..", import.meta.url));
const tsc = join(root, "node_modules/typescript/bin/tsc");
const options =
  "--ignoreConfig --noCheck --verbatimModuleSyntax --rewriteRelativeImportExtensions --module nodenext --target es2022 --types node";

/** What the cases import of the library, by the source's own name. @type {Record<string, string>} */
const packed = { "src/index.js": "lanestep", "src/schedules/index.js": "lanestep/schedules" };

/**
 * Writes `golden.mjs` into the project: a module that exports `holdGolden` and takes the packed library alone.
 * @param {string} project
 */
export async function writeGolden(project) {
  const compiled = join(project, "golden");
  const args = [tsc, ...options.split(" "), "--rootDir", root, "--outDir", compiled];
  await output(process.execPath, [...args, "test/support/golden/everywhere.ts"], { cwd: root });
  const build = await rollup({
    input: join(compiled, "test/support/golden/everywhere.js"),
    plugins: [
      {
        name: "packed",
        resolveId(source) {
          const name = source.match(/src\/.*$/)?.[0];
          if (name === undefined) return null;
          const id = packed[name];
          if (!id) throw new Error(`the golden cases import ${name}, which the package does not export`);
          return { id, external: true };
        },
      },
    ],
  });
  await build.write({ file: join(project, "golden.mjs"), format: "es" });
  await build.close();
  await rm(compiled, { recursive: true });
}

/** The files, as `holdGolden` takes them. @returns {Promise<Record<string, string>>} */
export async function goldenTexts() {
  const folder = join(root, "test/golden");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(folder, name), "utf8")])),
  );
}

/**
 * @param {Promise<Golden>} found
 * @returns {Promise<import("./run.mjs").Check>}
 */
export const checkGolden = (found) =>
  found.then(
    ({ held, failures }) => ({
      name: "golden cases",
      error:
        held > 0 && failures.length === 0
          ? undefined
          : `${held} held, ${failures.length} not: ${failures.slice(0, 3).join("; ")}`,
    }),
    (error) => ({ name: "golden cases", error: wordsOf(error) }),
  );
