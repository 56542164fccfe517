// @ts-check
// examples/browser-webgpu, served as `npm run demo:webgpu` does, in Chromium.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { createServer } from "vite";
import { accessible } from "../runtimes/browsers/accessible.mjs";
import { launchChromium } from "../runtimes/browsers/launch.mjs";
import { errorOf } from "../runtimes/errors.mjs";
import { ON_SWIFTSHADER } from "./chromium.mjs";

/** @typedef {import("../runtimes/browsers/page/visitor.mjs").Page} Page */

const root = fileURLToPath(new URL("../../examples/browser-webgpu", import.meta.url));

/** Small enough for a device in software. */
const SMALL = "?hidden=256&steps=31";

/** @param {Page} page */
async function train(page) {
  await page.getByRole("button", { name: "Train" }).click();
  await page.locator("#note", { hasText: /^(Done|It stopped)/ }).waitFor();
  return page.locator("#note").textContent();
}

/** The numbers of a row. @param {Page} page @param {"gpu" | "cpu"} where */
async function row(page, where) {
  const [first = Number.NaN, last = Number.NaN, time = Number.NaN] = (
    await page.locator(`#${where} td`).allTextContents()
  ).map(Number.parseFloat);
  return { first, last, time };
}

/**
 * `says`: of what Chromium's console warns.
 * @typedef {{ args: readonly string[], check: (page: Page) => Promise<void>, says?: readonly string[] }} Check
 */

/** @type {Record<string, Check>} */
const checks = {
  "it learns on the GPU as on the CPU, and says how": {
    args: ON_SWIFTSHADER,
    async check(page) {
      assert.match((await page.locator("#adapter").textContent()) ?? "", /swiftshader/i);
      assert.match((await train(page)) ?? "", /^Done: the last losses are \de-\d+ apart\.$/);
      const [gpu, cpu] = [await row(page, "gpu"), await row(page, "cpu")];
      console.log(`  loss from ${gpu.first} to ${gpu.last} on the GPU, from ${cpu.first} to ${cpu.last} on the CPU`);
      for (const { first, last, time } of [gpu, cpu]) {
        assert.ok(last < first / 2);
        assert.ok(time > 0);
      }
      // Gradients of the page are summed up in another order.
      assert.ok(Math.abs(gpu.first - cpu.first) < 2e-3 && Math.abs(gpu.last - cpu.last) < 2e-3);
      assert.equal(await page.locator("#chart .line").count(), 2);
      assert.match(
        (await page.locator("#chart").getAttribute("aria-label")) ?? "",
        /^Loss over 31 steps: on the GPU from 2\.\d+ to [01]\.\d+, on the CPU from /,
      );
    },
  },
  "without WebGPU it says what to do, and the CPU learns alone": {
    args: [],
    async check(page) {
      await page.locator("#note", { hasText: "This browser offers no WebGPU here" }).waitFor();
      await accessible(page, "without WebGPU");
      assert.equal(await train(page), "Done, on the CPU alone.");
      const { first, last } = await row(page, "cpu");
      assert.ok(last < first / 2);
    },
    says: ["No available adapters."],
  },
};

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  checks[`${colorScheme}: axe finds nothing`] = {
    args: ON_SWIFTSHADER,
    async check(page) {
      await page.emulateMedia({ colorScheme });
      await accessible(page, "at first");
      await page.setViewportSize({ width: 320, height: 640 });
      await train(page);
      await accessible(page, "when it has learned, on a phone");
      const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      assert.ok(Number(overflow) <= 0, `the page is ${overflow} pixels wider than a phone`);
    },
  };
}

/** @param {string} address @param {Check} check */
async function visit(address, { args, check, says = [] }) {
  const browser = await launchChromium(...args);
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(300_000); // Tests no speed: a page that is stuck fails in the end.
    /** @type {string[]} */
    const problems = [];
    page.on("pageerror", (error) => problems.push(String(error)));
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) problems.push(message.text());
    });
    await page.goto(address + SMALL);
    await page.locator("#train:enabled").waitFor();
    await check(page);
    assert.deepEqual(problems, says);
  } finally {
    await browser.close();
  }
}

/** @returns {AsyncGenerator<import("../runtimes/run.mjs").Check>} */
export async function* inExample() {
  const server = await createServer({
    root,
    configFile: false,
    logLevel: "error",
    server: { host: "127.0.0.1", port: 0 },
  });
  try {
    await server.listen();
    const [address = ""] = server.resolvedUrls?.local ?? [];
    for (const [name, check] of Object.entries(checks)) {
      yield { name, error: await errorOf(visit(address, check)) };
    }
  } finally {
    await server.close();
  }
}
