// @ts-check
// The pictures of the page for the README, light and dark: node test/runtimes/browsers/page/screenshot.mjs [folder]. Letters are those
// of the machine; the ones in docs/ are in Inter.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { servePage } from "./server.mjs";
import { inProfile, learned, ready, sample, teach } from "./visitor.mjs";

const folder = process.argv[2] ?? fileURLToPath(new URL("../../../../docs", import.meta.url));
/** About as wide as a README is shown, in letters that fit. */
const WIDTH = 900;
const LETTERS = ":root { font-size: 14px }";
/** @type {readonly (readonly [string, number])[]} */
const LESSONS = [
  ["a 9 like a g", 9],
  ["a 1 with a long upstroke", 1],
];

const { address, close } = await servePage();
try {
  for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
    const options = {
      colorScheme,
      viewport: { width: WIDTH, height: 900 },
      reducedMotion: /** @type {const} */ ("reduce"),
    };
    await inProfile(
      address,
      async (visitor) => {
        const page = await visitor.open();
        await page.addStyleTag({ content: LETTERS });
        await ready(page);
        for (const [k, [name, label]] of LESSONS.entries()) {
          await sample(page, name);
          await teach(page, label);
          await learned(page, k + 1);
        }
        await page.mouse.move(0, 0);
        await page.evaluate("document.activeElement.blur()");
        const end = await page.locator("#figures").boundingBox();
        const height = Math.ceil((end?.y ?? 0) + (end?.height ?? 0) + 32);
        const path = join(folder, colorScheme === "light" ? "demo.png" : "demo-dark.png");
        await page.screenshot({ path, fullPage: true, clip: { x: 0, y: 0, width: WIDTH, height } });
        console.log(path);
      },
      options,
    );
  }
} finally {
  await close();
}
