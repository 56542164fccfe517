// @ts-check
// What an interrupted run leaves to nobody: the processes that it has started are killed, its temporary folders removed.

import { mkdtempSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";

/** @typedef {import("node:child_process").ChildProcess} ChildProcess */

/** @type {Set<ChildProcess>} */
const children = new Set();
/** @type {Set<string>} */
const folders = new Set();
/** `rm` of a folder into which a process that ends may still write. */
const whole = { recursive: true, force: true, maxRetries: 10 };

/** A process that does not outlive this one. @template {ChildProcess} T @param {T} child @returns {T} */
export function killedWithUs(child) {
  children.add(child);
  child.once("close", () => children.delete(child));
  return child;
}

/** With all its processes, where it was started `detached`. @param {ChildProcess} child */
export function kill(child) {
  try {
    process.kill(-Number(child.pid), "SIGKILL");
  } catch {
    child.kill("SIGKILL"); // it leads no group
  }
}

/** @param {string} prefix */
export function makeFolder(prefix) {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  folders.add(folder);
  return folder;
}

/** @param {string} folder of `makeFolder` */
export async function removeFolder(folder) {
  await rm(folder, whole);
  folders.delete(folder);
}

for (const signal of /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"])) {
  process.once(signal, () => {
    for (const child of children) kill(child);
    // After the listener with which Playwright kills its browsers.
    process.once("exit", () => {
      for (const folder of folders) rmSync(folder, whole);
    });
    process.exit(128 + constants.signals[signal]);
  });
}

/** Options of Playwright's browsers: a signal is answered here. */
export const UNHANDLED = { handleSIGINT: false, handleSIGTERM: false, handleSIGHUP: false };
