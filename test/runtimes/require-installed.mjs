// @ts-check
// Ends with the commands that are missing: node test/runtimes/require-installed.mjs FOLDER …, from the repository's root.

import { existsSync } from "node:fs";
import { join } from "node:path";

const missing = process.argv.slice(2).filter((folder) => !existsSync(join(folder, "node_modules")));
if (missing.length > 0) {
  console.error(`first: ${missing.map((folder) => `npm ci --prefix ${folder}`).join(" && ")}`);
  process.exitCode = 1;
}
