// @ts-check
// Where Chromium is, and with which arguments it is started. It is the system's: no package brings it.

import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";

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
