// @ts-check
// Engines that run scripts: Node in all versions, Deno and Bun.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { filesIn } from "./files-in.mjs";
import { checkGolden } from "./golden.mjs";
import { answer, run } from "./processes.mjs";

/** @typedef {import("./processes.mjs").Command} Command */
/** @typedef {import("./run.mjs").Adapter} Adapter */

const installed = (/** @type {string} */ path) => fileURLToPath(new URL(`node_modules/${path}`, import.meta.url));
const { platform, arch } = process;
const exe = platform === "win32" ? ".exe" : "";

/**
 * The engines themselves: what npm links to may be a script that starts another process, which would outlive a kill.
 * @param {number} major
 */
export const nodeOf = (major) => installed(`node-${major}-${platform}-${arch}/bin/node${exe}`);
export const bare = installed(`bare-runtime-${platform}-${arch}/bin/bare${exe}`);

const missing = (/** @type {string} */ program) => `${program} is missing: npm ci --prefix test/runtimes`;

/**
 * @param {string} engine
 * @param {Command} command what runs a script, its path to be added
 * @param {{ files?: boolean }} options `files`: whether the checks of `lanestep/files` run here too
 * @returns {Adapter}
 */
const scripts = (engine, command, { files = false }) =>
  async function* ({ project }) {
    const [program = ""] = command;
    if (!existsSync(program)) {
      yield { name: "is there", error: missing(program) };
      return;
    }
    const version = (await run([program], "--version")).stdout.replace(/^\D*/, "").split(/\s/)[0] ?? "";
    const place = { engine, version, where: "script", paths: /** @type {const} */ (["linked", "warmed", "tiles"]) };
    yield answer(command, join(project, "script.mjs")).then(
      (report) => ({ ...place, ...report }),
      (error) => ({ ...place, error: error.message }),
    );
    yield checkGolden(answer([...command, join(project, "golden-script.mjs")], join(project, "golden.json")));
    if (files) yield* filesIn(command, project);
  };

/** @type {Record<string, Adapter>} */
export const scriptEngines = {
  node20: scripts("Node", [nodeOf(20)], {}),
  node22: scripts("Node", [nodeOf(22)], {}),
  node24: scripts("Node", [nodeOf(24)], {}),
  node26: scripts("Node", [nodeOf(26)], { files: true }),
  deno: scripts(
    "Deno",
    [installed("deno/deno"), "run", "--quiet", "--no-lock", "--node-modules-dir=manual", "--allow-all"],
    {
      files: true,
    },
  ),
  bun: scripts("Bun", [installed("bun/bin/bun.exe")], { files: true }),
};
