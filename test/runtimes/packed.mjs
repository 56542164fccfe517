// @ts-check
// What `npm pack` gives, installed as a user installs it.

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { output } from "./processes.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Of what the build has left in dist/: npm ci, or npm run build, made it. @param {string} folder @returns the tarball in it */
export async function install(folder) {
  const packed = await output(["npm", "pack", "--ignore-scripts", "--json", "--pack-destination", folder], {
    cwd: root,
  });
  const [{ filename }] = JSON.parse(packed);
  await writeFile(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  await output(["npm", "install", "--offline", "--no-audit", "--no-fund", `./${filename}`], { cwd: folder });
  return join(folder, filename);
}
