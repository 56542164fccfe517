// @ts-check
// Parts of the tests as one file, for engines that have neither a test runner nor TypeScript.

import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "vite";

const root = fileURLToPath(new URL("../..", import.meta.url));

/**
 * Writes a module of the tests with all that it imports, but of the library the built one alone.
 *
 * @param {string} entry a module of the repository
 * @param {string} file
 * @param {Readonly<Record<string, string>>} built what the file imports for the library, by the source's own name
 */
export async function bundleTests(entry, file, built) {
  await build({
    root,
    configFile: false,
    publicDir: false,
    logLevel: "warn",
    plugins: [
      {
        name: "built",
        enforce: "pre",
        resolveId(source) {
          const name = source.match(/\bsrc\/.*$/)?.[0];
          if (name === undefined || source === entry) return null;
          const id = built[name];
          if (!id) throw new Error(`${entry} imports ${name}, which is not among what is built`);
          return { id, external: true };
        },
      },
    ],
    build: {
      lib: { entry, formats: ["es"], fileName: () => basename(file) },
      outDir: dirname(file),
      emptyOutDir: false,
      minify: false,
      target: "es2022",
    },
  });
}
