// @ts-check
// The checks of lanestep/tfjs on TensorFlow.js's backends webgl and webgpu, in Chromium: node test/tfjs-browser/run.mjs [words of a name]

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

if (!existsSync(fileURLToPath(new URL("node_modules", import.meta.url)))) {
  console.error("first: npm ci --prefix test/tfjs-browser --ignore-scripts");
  process.exit(1);
}
const { inChromium } = await import("./browser.mjs");
const wanted = process.argv.slice(2).join(" ");

const failed = await inChromium(async (page, url) => {
  page.on("pageerror", (error) => console.log(`  page: ${error}`));
  page.on("console", (message) => message.type() === "error" && console.log(`  console: ${message.text()}`));
  await page.goto(url);
  const names = await page.evaluate(async () => {
    const at = (/** @type {string} */ path) => import(path);
    return Object.keys((await at("/page.js")).checks);
  });
  let failed = 0;
  const chosen = names.filter((name) => name.includes(wanted));
  for (const name of chosen) {
    try {
      const words = await page.evaluate(async (name) => {
        const at = (/** @type {string} */ path) => import(path);
        return (await at("/page.js")).checks[name]();
      }, name);
      console.log(`ok    ${name}${words ? `\n      ${words}` : ""}`);
    } catch (error) {
      failed += 1;
      console.log(`FAILED ${name}\n      ${error}`);
    }
  }
  console.log(`${chosen.length - failed} of ${chosen.length} hold`);
  return failed > 0 || chosen.length === 0;
});
process.exit(failed ? 1 : 0);
