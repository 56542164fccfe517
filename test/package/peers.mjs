// The libraries that two entries are for: whoever imports these has them.

import { mkdir, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { root } from "./places.mjs";

/** By entry. */
export const peers = { jax: "@jax-js/jax", tfjs: "@tensorflow/tfjs-core" };

/** Puts them into a project, as they stand in this repository, if it has none. @param {string} project */
export async function linkPeers(project) {
  for (const name of Object.values(peers)) {
    const link = join(project, "node_modules", name);
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(root, "node_modules", name), link).catch((error) => {
      if (error.code !== "EEXIST") throw error;
    });
  }
}
