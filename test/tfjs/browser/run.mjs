// @ts-check
// The checks of lanestep/tfjs on TensorFlow.js's backends webgl and webgpu, in Chromium: a part of `npm run test:webgpu`.
// `node test/tfjs/browser/run.mjs`: what a step costs there.

import { errorOf } from "../../runtimes/errors.mjs";
import { openPage } from "./browser.mjs";

/** @returns {AsyncGenerator<import("../../runtimes/run.mjs").Check>} */
export async function* inTensorFlow() {
  const { page, ended, close } = await openPage();
  try {
    const names = await page.evaluate(async () => {
      const at = (/** @type {string} */ path) => import(path);
      return Object.keys((await at("/page.js")).checks);
    });
    for (const name of names) {
      const check = page.evaluate(async (name) => {
        const at = (/** @type {string} */ path) => import(path);
        return (await at("/page.js")).checks[name]();
      }, name);
      const done = Promise.race([ended, check]).then((words) => words && console.log(`  ${name}: ${words}`));
      yield { name, error: await errorOf(done) };
    }
  } finally {
    await close();
  }
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const { page, ended, close } = await openPage();
  page.on("console", (message) => message.type() === "log" && console.log(message.text()));
  const measure = page.evaluate(async () => {
    const at = (/** @type {string} */ path) => import(path);
    await (await at("/page.js")).measure();
  });
  await Promise.race([ended, measure]);
  await close();
}
