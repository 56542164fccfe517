// @ts-check
// Chromium at the page of ./page, bundled.

/** @import { AdapterPlan, AdapterResult } from "../adapters/contenders.js" */
/** @import { Open } from "../../test/runtimes/browsers/server.mjs" */

import { copyFileSync, mkdirSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { build } from "vite";
import { ARGS, findChromium } from "../../test/runtimes/browsers/chromium.mjs";
import { visit } from "../../test/runtimes/browsers/server.mjs";

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(relative, import.meta.url));
const WASM = "node_modules/@tensorflow/tfjs-backend-wasm/dist/";
const OUT = path("../../build/bench-page");

/** Bundles the page, with one copy of TensorFlow.js, as an app has it. */
export async function buildPage() {
  await build({
    root: path("page"),
    configFile: false,
    logLevel: "error",
    resolve: {
      dedupe: ["@tensorflow/tfjs-core"],
      alias: [
        { find: /^lanestep$/, replacement: path("../../dist/index.js") },
        { find: /^lanestep\/tfjs$/, replacement: path("../../dist/tfjs.js") },
      ],
    },
    build: { outDir: OUT, emptyOutDir: true, target: "esnext", minify: false },
  });
  mkdirSync(OUT, { recursive: true });
  for (const file of readdirSync(path(WASM))) {
    if (file.endsWith(".wasm")) copyFileSync(path(WASM + file), `${OUT}/${file}`);
  }
}

/** @type {Open} */
async function open(url) {
  const browser = await chromium.launch({ executablePath: findChromium(), args: ARGS });
  const page = await browser.newPage();
  /** @type {Promise<never>} */
  const ended = new Promise((_, reject) => {
    page.on("pageerror", reject);
    page.on("crash", () => reject(new Error("the page crashed")));
  });
  ended.catch(() => {}); // before anybody waits for it
  await page.goto(url, { waitUntil: "commit" }); // the page is loaded when it has measured
  return { version: browser.version(), ended, close: () => browser.close() };
}

/**
 * @param {AdapterPlan} plan
 * @returns {Promise<AdapterResult & { version: string }>} with the browser's version
 */
export async function measureInChromium(plan) {
  const page = `index.html#${encodeURIComponent(JSON.stringify(plan))}`;
  const { result, version } = await visit({ folder: OUT, page }, open);
  return { ...result, version };
}
