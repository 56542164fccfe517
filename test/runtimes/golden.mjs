// @ts-check
// The golden cases of test/golden, for engines that have no test runner: what test/golden.test.ts runs on both backends.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundleTests } from "./bundled.mjs";
import { wordsOf } from "./errors.mjs";

/** What `holdGolden` of test/support/golden/everywhere.ts returns. @typedef {{ held: number, failures: string[] }} Golden */

const root = fileURLToPath(new URL("../..", import.meta.url));
/** What the cases import of the library, by the source's own name. @type {Record<string, string>} */
const packed = { "src/index.ts": "lanestep", "src/schedules/index.ts": "lanestep/schedules" };

/**
 * Writes `golden.mjs` into the project: a module that exports `holdGolden` and takes the packed library alone.
 * @param {string} project
 */
export const writeGolden = (project) =>
  bundleTests("test/support/golden/everywhere.ts", join(project, "golden.mjs"), packed);

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
