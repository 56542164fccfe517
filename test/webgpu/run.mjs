// @ts-check
// Runs the tests of the webgpu backend, then engines.mjs, on a device in software: SwiftShader, which Debian's chromium brings with a loader.
// Another device: VK_DRIVER_FILES, empty for those of the system.

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");
const CHROMIUM = "/usr/lib/chromium";
const SWIFTSHADER = join(CHROMIUM, "vk_swiftshader_icd.json");

if (!existsSync(join(here, "node_modules"))) {
  console.error("first: npm ci --prefix test/webgpu");
  process.exit(1);
}
const env = { VK_DRIVER_FILES: SWIFTSHADER, LD_LIBRARY_PATH: CHROMIUM, ...process.env };
if (env.VK_DRIVER_FILES === SWIFTSHADER && !existsSync(SWIFTSHADER)) {
  console.error(`there is no ${SWIFTSHADER}: apt-get install chromium`);
  process.exit(1);
}
const vitest = join(root, "node_modules/vitest/vitest.mjs");
const given = ["run", "--config", "test/webgpu/vitest.config.ts", ...process.argv.slice(2)];
const run = (/** @type {string[]} */ ...args) =>
  spawnSync(process.execPath, args, { cwd: root, env, stdio: "inherit" }).status ?? 1;

// Given arguments are Vitest's: which of its tests.
const status = run(vitest, ...given) || (given.length > 3 ? 0 : run("test/webgpu/engines.mjs"));
process.exit(status);
