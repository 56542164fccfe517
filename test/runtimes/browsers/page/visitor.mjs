// @ts-check
// A visitor of the page: a browser with a profile of its own that outlives its windows, and what one does there.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { makeFolder, removeFolder, UNHANDLED } from "../../cleanup.mjs";
import { ARGS, findChromium } from "../chromium.mjs";

/** @typedef {import("playwright-core").Page} Page */
/** @typedef {readonly (readonly [x: number, y: number])[]} Line From 0 to 1, over the pad. */

/** Where the page keeps what it learned. */
const FILE = "lanestep-digits.safetensors";

/**
 * @template T
 * @param {string} address
 * @param {(visitor: Visitor) => Promise<T>} body
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
export async function inProfile(address, body, options) {
  const profile = makeFolder("lanestep-profile-");
  const visitor = new Visitor(address, profile, options);
  try {
    const result = await body(visitor);
    assert.deepEqual(visitor.problems, []);
    return result;
  } catch (error) {
    throw new Error([error, ...visitor.problems].join("\n"));
  } finally {
    await visitor.context?.close();
    await removeFolder(profile);
  }
}

export class Visitor {
  /** What the console and the network complained of. @type {string[]} */
  problems = [];
  /** @type {import("playwright-core").BrowserContext | undefined} */
  context;

  /**
   * @param {string} address
   * @param {string} profile
   * @param {import("playwright-core").BrowserContextOptions} [options]
   */
  constructor(address, profile, options) {
    this.address = address;
    this.profile = profile;
    this.options = options;
  }

  /** Starts the browser, again if it runs. */
  async start() {
    await this.context?.close();
    const options = { executablePath: findChromium(), args: ARGS, timeout: 0, ...UNHANDLED, ...this.options };
    const context = await chromium.launchPersistentContext(this.profile, options);
    context.setDefaultTimeout(300_000); // Tests no speed: a page that is stuck fails in the end.
    const { problems, address } = this;
    context.on("weberror", (error) => problems.push(String(error.error())));
    context.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) problems.push(message.text());
    });
    context.on("request", (request) => {
      if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(address)) problems.push(request.url());
    });
    context.on("response", (response) => {
      if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`);
    });
    this.context = context;
  }

  /** A tab with the page. @param {string} [conditions] see server.mjs */
  async open(conditions) {
    if (!this.context) await this.start();
    const page = await /** @type {import("playwright-core").BrowserContext} */ (this.context).newPage();
    await page.goto(this.addressOf(conditions));
    return page;
  }

  /** @param {string} [conditions] */
  addressOf(conditions) {
    return this.address + (conditions ? `${conditions}/` : "");
  }
}

/** Until it can be told of digits. @param {Page} page */
export const ready = (page) => page.locator("#teach:enabled").waitFor();

/** @param {Page} page @param {string} name of a drawing that the page offers */
export const sample = (page, name) => page.getByRole("button", { name: `Draw ${name}`, exact: true }).click();

/** @param {Page} page @param {number} label */
export const teach = (page, label) => page.getByRole("button", { name: `It was a ${label}` }).click();

/** @param {Page} page @param {number} count of digits */
export const learned = (page, count) =>
  page.getByText(`It has learned from ${count} ${count === 1 ? "digit" : "digits"} of yours.`).waitFor();

/** @param {Page} page */
export const isTold = (page) => page.getByRole("button", { name: "It was a 0" }).isEnabled();

/** What the page reads now. @param {Page} page */
export const answer = async (page) => Number(await page.locator("#digit").textContent());

/** @param {Page} page @param {string} id */
export const words = async (page, id) => (await page.locator(`#${id}`).textContent()) ?? "";

/** Until the note says this. @param {Page} page @param {RegExp} text */
export const noted = (page, text) => page.locator("#note", { hasText: text }).waitFor();

/** Any digit but this. @param {number} digit */
export const other = (digit) => (digit + 1) % 10;

/** @param {Page} page @param {readonly Line[]} lines */
export async function drawByMouse(page, lines) {
  await page.locator("#pad").scrollIntoViewIfNeeded();
  const box = await page.locator("#pad").boundingBox();
  assert.ok(box);
  const to = (/** @type {Line[number]} */ [x, y], steps = 1) =>
    page.mouse.move(box.x + x * box.width, box.y + y * box.height, { steps });
  for (const [begin, ...rest] of lines) {
    assert.ok(begin);
    await to(begin);
    await page.mouse.down();
    for (const point of rest) await to(point, 10);
    await page.mouse.up();
  }
}

/** The file that the browser keeps, null for none. @param {Page} page @param {boolean} isFileSystem */
export async function kept(page, isFileSystem) {
  const text = await page.evaluate(
    async ([name, isFileSystem]) => {
      const read = async () => {
        if (isFileSystem) {
          const folder = await navigator.storage.getDirectory();
          const handle = await folder.getFileHandle(name).catch(() => null);
          return handle?.getFile();
        }
        /** @type {(request: IDBRequest) => Promise<any>} */
        const done = (request) =>
          new Promise((resolve, reject) => {
            request.onsuccess = () => resolve(request.result);
            request.onerror = () => reject(request.error);
          });
        const database = await done(indexedDB.open("lanestep-digits"));
        const blob = await done(database.transaction("files").objectStore("files").get(name));
        database.close();
        return blob;
      };
      const blob = await read();
      if (!blob?.size) return null;
      const reader = new FileReader();
      reader.readAsDataURL(blob);
      await new Promise((resolve) => reader.addEventListener("load", resolve));
      return String(reader.result).split(",")[1] ?? null;
    },
    /** @type {const} */ ([FILE, isFileSystem]),
  );
  return text === null ? null : new Uint8Array(Buffer.from(text, "base64"));
}

/** Puts something in its place. @param {Page} page @param {Uint8Array} bytes */
export async function replaceKept(page, bytes) {
  await page.evaluate(
    async ([name, text]) => {
      const folder = await navigator.storage.getDirectory();
      const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
      await writable.write(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
      await writable.close();
    },
    /** @type {const} */ ([FILE, Buffer.from(bytes).toString("base64")]),
  );
}
