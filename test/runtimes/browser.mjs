// The checks of a browser: examples/browser-checkpoint in Chromium, through reloads and restarts.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ARGS, findChromium } from "./browsers/chromium.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {{ text: string, bytes: number[] }} Trained the page's words at the end, and its checkpoint */

const root = fileURLToPath(new URL("../..", import.meta.url));
/** @type {Readonly<Record<string, string>>} */
const types = { ".html": "text/html", ".js": "text/javascript" };

/** The repository's files, for this machine alone. */
async function serve() {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://localhost"); // holds no ".."
    const file = await readFile(join(root, decodeURIComponent(pathname))).catch(() => null);
    response.writeHead(file ? 200 : 404, { "content-type": types[extname(pathname)] ?? "text/plain" }).end(file);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { server, example: `http://127.0.0.1:${port}/examples/browser-checkpoint` };
}

/**
 * A browser with a profile of its own that outlives its windows.
 * @param {string} executablePath
 * @param {boolean} hasFileSystem
 * @template T
 * @param {(open: () => Promise<Page>) => Promise<T>} body `open` starts the browser, again if it runs
 */
async function inProfile(executablePath, hasFileSystem, body) {
  const { chromium } = await import("playwright-core");
  const profile = await mkdtemp(join(tmpdir(), "lanestep-profile-"));
  /** @type {import("playwright-core").BrowserContext | undefined} */
  let context;
  /** @type {string[]} */
  const problems = [];
  try {
    return await body(async () => {
      await context?.close();
      context = await chromium.launchPersistentContext(profile, { executablePath, args: ARGS });
      context.on("weberror", (error) => problems.push(String(error.error())));
      context.on("console", (message) => message.type() === "error" && problems.push(message.text()));
      if (!hasFileSystem) await context.addInitScript("delete StorageManager.prototype.getDirectory");
      return context.newPage();
    });
  } catch (error) {
    throw new Error([String(error), ...problems].join("\n"));
  } finally {
    await context?.close();
    await rm(profile, { recursive: true, force: true });
  }
}

/**
 * Trains until a step, and takes the checkpoint.
 * @param {Page} page @param {string} example @param {number} until
 */
async function train(page, example, until) {
  await page.goto(`${example}/index.html?until=${until}`);
  const status = page.locator("output", { hasText: /^(done|stopped)/ });
  const text = (await status.textContent()) ?? "";
  const bytes = await page.evaluate(async (store) => {
    const { openStore } = await import(store);
    return Array.from(await (await openStore("model.safetensors")).read());
  }, `${example}/store.js`);
  return { text, bytes };
}

/** @type {Record<string, (open: () => Promise<Page>, example: string) => Promise<Trained>>} */
const ways = {
  async "50 steps, reloaded, 50 more"(open, example) {
    const page = await open();
    await train(page, example, 50);
    return train(page, example, 100);
  },
  async "50 steps, the browser restarted, 50 more"(open, example) {
    await train(await open(), example, 50);
    return train(await open(), example, 100);
  },
  async "reloaded in the middle, again and again"(open, example) {
    const page = await open();
    // What a page leaves that is closed during the first write of all.
    await page.goto(`${example}/store.js`);
    await page.evaluate(async () => {
      await (await navigator.storage.getDirectory?.())?.getFileHandle("model.safetensors", { create: true });
    });
    for (const step of [5, 30, 30, 55, 80]) {
      await page.goto(`${example}/index.html?until=100`);
      const status = page.locator("output", { hasText: /^(step|done|stopped)/ });
      for (let at = 0; at < step; ) {
        const text = (await status.textContent()) ?? "";
        at = Number(/^(?:step|done: steps \d+ to) (\d+)/.exec(text)?.[1]);
        assert.ok(at > 0, text);
      }
    }
    return train(page, example, 100);
  },
};

/** @returns {AsyncGenerator<import("./engine.mjs").Check>} */
export async function* inBrowser() {
  const chromium = findChromium();
  const { server, example } = await serve();
  try {
    for (const place of ["the origin private file system", "IndexedDB"]) {
      const hasFileSystem = place !== "IndexedDB";
      /** @type {Trained} */
      const straight = await inProfile(chromium, hasFileSystem, async (open) => train(await open(), example, 100));
      assert.equal(straight.text, `done: steps 0 to 100; kept in ${place}`);
      assert.ok(straight.bytes.length > 1000);
      for (const [name, way] of Object.entries(ways)) {
        const found = await inProfile(chromium, hasFileSystem, (open) => way(open, example));
        const isEqual =
          found.bytes.length === straight.bytes.length && found.bytes.every((byte, i) => byte === straight.bytes[i]);
        const isRight = isEqual && /^done: steps [1-9]\d* to 100; kept in /.test(found.text);
        yield { name: `${place}: ${name} is 100 in a row, bit for bit`, ...(!isRight && { error: found.text }) };
      }
    }
  } finally {
    server.close();
  }
}
