// @ts-check
// Chromium with WebGPU on the CPU, at the files of the repository.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { newPage } from "../runtimes/browsers/engines.mjs";
import { launchChromium } from "../runtimes/browsers/launch.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** WebGPU on the CPU. */
export const ON_SWIFTSHADER = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** A page that finds the repository's files at http://localhost/. */
export async function openPage() {
  const browser = await launchChromium(...ON_SWIFTSHADER);
  const { page, ended } = await newPage(browser);
  await page.route("http://localhost/**", (route) => {
    const path = join(root, decodeURIComponent(new URL(route.request().url()).pathname));
    return route.fulfill({ path });
  });
  return { page, ended, close: () => browser.close() };
}
