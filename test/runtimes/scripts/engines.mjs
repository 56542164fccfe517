// @ts-check
// Engines that run scripts: Node in all versions, Deno and Bun.

import { join } from "node:path";
import { wordsOf } from "../errors.mjs";
import { checkGolden } from "../golden.mjs";
import { bun, deno, nodeOf, requireInstalled } from "../installed.mjs";
import { answer, run } from "../processes.mjs";
import { filesIn } from "./files-in.mjs";

/** @typedef {import("../processes.mjs").Command} Command */
/** @typedef {import("../run.mjs").Adapter} Adapter */

/**
 * @param {string} engine
 * @param {Command} command what runs a script, its path to be added
 * @param {{ files?: boolean }} options `files`: whether the checks of `lanestep/files` run here too
 * @returns {Adapter}
 */
const scripts = (engine, command, { files = false }) =>
  async function* ({ project }) {
    const [program = ""] = command;
    requireInstalled(program);
    const version = (await run([program, "--version"])).stdout.replace(/^\D*/, "").split(/\s/)[0] ?? "";
    const place = { engine, version, where: "script", paths: /** @type {const} */ (["linked", "warmed", "tiles"]) };
    yield answer([...command, join(project, "script.mjs")]).then(
      (report) => ({ ...place, ...report }),
      (error) => ({ ...place, error: wordsOf(error) }),
    );
    yield checkGolden(answer([...command, join(project, "golden-script.mjs"), join(project, "golden.json")]));
    if (files) yield* filesIn(command, project);
  };

/** @type {Record<string, Adapter>} */
export const scriptEngines = {
  node20: scripts("Node", [nodeOf(20)], {}),
  node22: scripts("Node", [nodeOf(22)], {}),
  node24: scripts("Node", [nodeOf(24)], {}),
  node26: scripts("Node", [nodeOf(26)], { files: true }),
  deno: scripts("Deno", [deno, "run", "--quiet", "--no-lock", "--node-modules-dir=manual", "--allow-all"], {
    files: true,
  }),
  bun: scripts("Bun", [bun], { files: true }),
};
