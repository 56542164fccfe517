// @ts-check
// Where `npm ci --prefix test/runtimes` puts engines and tools. The programs themselves: what npm links to may be a script
// that starts another process, which would outlive a kill.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const { platform, arch } = process;
const exe = platform === "win32" ? ".exe" : "";

/** @param {string} path in node_modules */
export const installed = (path) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));

/** @param {number} major */
export const nodeOf = (major) => installed(`node-${major}-${platform}-${arch}/bin/node${exe}`);
export const deno = installed("deno/deno");
export const bun = installed("bun/bin/bun.exe");
export const bare = installed(`bare-runtime-${platform}-${arch}/bin/bare${exe}`);

/** @param {string} program @throws Error that says what installs it, if it is not there */
export function requireInstalled(program) {
  if (!existsSync(program)) throw new Error(`${program} is missing: npm ci --prefix test/runtimes`);
  return program;
}

/** @returns {Promise<string>} */
export async function findWorkerd() {
  const found = await import("workerd").catch(() => null);
  return requireInstalled(found?.default.default ?? installed("workerd/bin/workerd"));
}
