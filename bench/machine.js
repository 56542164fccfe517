// @ts-check
// Where the bench runs, and on which core.

import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import os from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

const PINNED = "LANESTEP_BENCH_CORE";

/**
 * Runs this process again on one core, where `taskset` can do that. A process that moves loses its caches in the
 * middle of a sample, and the native peer, which is a process of its own, would sit on another core with another
 * neighbour: on one core all peers share caches, clock and neighbours. The core is the one that is idlest now.
 * @returns {Promise<number | null>} the exit code of the pinned run; null where this process is to go on itself
 */
export async function runPinned() {
  if (process.env[PINNED] !== undefined) return null;
  const core = await idlestCore();
  if (spawnSync("taskset", ["-c", `${core}`, "true"]).status !== 0) return null;
  const env = { ...process.env, [PINNED]: `${core}` };
  const command = ["-c", `${core}`, process.execPath, ...process.argv.slice(1)];
  return spawnSync("taskset", command, { stdio: "inherit", env }).status ?? 1;
}

async function idlestCore() {
  const before = os.cpus();
  await sleep(300);
  const idle = os.cpus().map(({ times }, core) => times.idle - (before[core]?.times.idle ?? 0));
  return idle.indexOf(Math.max(...idle));
}

export function describeMachine() {
  const cores = os.cpus();
  return {
    cpu: cores[0]?.model.trim() ?? "unknown",
    cores: cores.length,
    pinnedTo: process.env[PINNED] ?? null,
    os: `${os.type()} ${os.arch()}`,
    node: process.version,
    v8: process.versions.v8,
    lanestep: version("../package.json"),
    assemblyscript: version("../node_modules/assemblyscript/package.json"),
  };
}

/** @param {string} path */
function version(path) {
  return /** @type {{ version: string }} */ (JSON.parse(readFileSync(new URL(path, import.meta.url), "utf8"))).version;
}
