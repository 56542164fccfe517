// @ts-check
// Starting Chromium by playwright-core, which test/runtimes installs: apart, as the bench looks for Chromium without it.

import { UNHANDLED } from "../cleanup.mjs";
import { ARGS, findChromium } from "./chromium.mjs";

/** A browser, without a profile that is kept. @param {string[]} args beside `ARGS` */
export async function launchChromium(...args) {
  const { chromium } = await import("playwright-core");
  return chromium.launch({ executablePath: findChromium(), args: [...ARGS, ...args], ...UNHANDLED });
}
