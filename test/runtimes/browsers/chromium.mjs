// @ts-check
// Where Chromium is, and how it is started. It is the system's: no package brings it.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { UNHANDLED } from "../cleanup.mjs";

/** Without them a headless one asks the network for this and that. */
export const ARGS =
  "--headless --no-sandbox --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync".split(
    " ",
  );

/**
 * @param {string} install the command that installs it
 * @param {string[]} names of the program
 * @throws Error where PATH has none of them
 */
export function findProgram(install, ...names) {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const path = names.flatMap((name) => folders.map((folder) => join(folder, name))).find(existsSync);
  if (!path) throw new Error(`${names[0]} is missing: ${install}`);
  return path;
}

export const findChromium = () =>
  findProgram("apt-get install chromium", "chromium", "chromium-browser", "google-chrome");

/** A browser, without a profile that is kept. @param {string[]} args beside `ARGS` */
export async function launchChromium(...args) {
  const { chromium } = await import("playwright-core");
  return chromium.launch({ executablePath: findChromium(), args: [...ARGS, ...args], ...UNHANDLED });
}
