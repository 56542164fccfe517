// @ts-check
// lanestep/jax on the devices of jax-js that only browsers have: test/jax/page.html in Chromium.

import { errorOf } from "../runtimes/errors.mjs";
import { openPage } from "./chromium.mjs";

/** `blocks`: whether its arrays can be read without a promise. */
const devices = { webgpu: { blocks: false }, webgl: { blocks: true } };

/** The largest differences from lanestep alone are none. @param {string} device @param {boolean} blocks */
async function compare(device, blocks) {
  const { page, ended, close } = await openPage();
  try {
    await page.goto("http://localhost/test/jax/page.html");
    const found = await Promise.race([
      ended,
      page.evaluate(
        async ({ device, blocks }) => {
          const at = (/** @type {string} */ path) => import(path);
          const { deviations } = await at("/test/jax/page.mjs");
          return deviations(await at("/dist/index.js"), await at("/dist/jax.js"), device, blocks);
        },
        { device, blocks },
      ),
    ]);
    const off = Object.entries(found).filter(([, worst]) => worst !== 0);
    if (off.length > 0) throw new Error(off.map(([name, worst]) => `${name} is off by ${worst}`).join("; "));
  } finally {
    await close();
  }
}

/** @returns {AsyncGenerator<import("../runtimes/run.mjs").Check>} */
export async function* withJax() {
  for (const [device, { blocks }] of Object.entries(devices)) {
    yield { name: `the parameters of lanestep alone, on ${device}`, error: await errorOf(compare(device, blocks)) };
  }
}
