// @ts-check
// Where the page finds something in its place that it cannot read: of another app of the same origin, or broken.

import assert from "node:assert/strict";
import { inProfile, isTold, kept, learned, noted, ready, sample, teach, words } from "./visitor.mjs";

/** @typedef {import("./visitor.mjs").Page} Page */
/** @typedef {import("./visitor.mjs").Visitor} Visitor */

/** An empty page of the same origin, which another app may be. @param {Visitor} visitor */
const elsewhere = (visitor) => visitor.open("elsewhere");

/** A database of another app. @param {Page} page @param {string} name */
const makeDatabase = (page, name) =>
  page.evaluate(
    (name) =>
      new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onupgradeneeded = () => request.result.createObjectStore("theirs");
        request.onsuccess = () => resolve(request.result.close());
        request.onerror = () => reject(request.error);
      }),
    name,
  );

/** What is in a database. @param {Page} page @param {string} name @returns {Promise<string[]>} */
const storesOf = (page, name) =>
  page.evaluate(
    (name) =>
      new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => {
          resolve([...request.result.objectStoreNames]);
          request.result.close();
        };
        request.onerror = () => reject(request.error);
      }),
    name,
  );

/** A folder where the page keeps its file. @param {Page} page @param {string[]} files in it */
const makeFolder = (page, files) =>
  page.evaluate(async (files) => {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle("lanestep-digits.safetensors", { create: true });
    for (const file of files) await folder.getFileHandle(file, { create: true });
  }, files);

/** Nothing can be taught, until the visitor starts over. @param {Page} page */
async function startOverFromRefusal(page) {
  await noted(page, /^What this browser kept cannot be gone on from: .+“Start over” below begins anew\.$/);
  assert.equal(await isTold(page), false);
  await page.getByRole("button", { name: "Start over …" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Start over" }).click();
  await ready(page);
}

/** @param {Page} page */
async function teachOne(page) {
  await sample(page, "a 7 with a bar");
  await teach(page, 1);
}

/** @param {Page} page */
async function learnsWithoutKeeping(page) {
  await page.locator("#place", { hasText: /^It is not kept: this browser refused/ }).waitFor();
  await teachOne(page);
  await noted(page, /^It has learned from 1 digit of yours, but could not keep it\.$/);
  assert.equal(await words(page, "own-now"), "1 of 1");
}

/** @type {Record<string, (visitor: Visitor) => Promise<void>>} */
const checks = {
  async 'IndexedDB: a database "checkpoints" of another app is not in its way'(visitor) {
    const other = await elsewhere(visitor);
    await makeDatabase(other, "checkpoints");
    const page = await visitor.open("indexeddb");
    await ready(page);
    await teachOne(page);
    await learned(page, 1);
    assert.ok(await kept(page, false));
    assert.deepEqual(await storesOf(other, "checkpoints"), ["theirs"]);
  },

  async "IndexedDB: a database of its own name that it cannot read stays, and it learns without keeping"(visitor) {
    const other = await elsewhere(visitor);
    await makeDatabase(other, "lanestep-digits");
    const page = await visitor.open("indexeddb");
    await startOverFromRefusal(page);
    await learnsWithoutKeeping(page);
    assert.deepEqual(await storesOf(other, "lanestep-digits"), ["theirs"]);
  },

  async "the origin private file system: a folder in the place of its file stays, and it learns without keeping"(
    visitor,
  ) {
    await makeFolder(await elsewhere(visitor), ["theirs"]);
    const page = await visitor.open();
    await startOverFromRefusal(page);
    await learnsWithoutKeeping(page);
    await page.reload();
    await startOverFromRefusal(page);
  },

  async "the origin private file system: an empty folder in the place of its file is removed"(visitor) {
    await makeFolder(await elsewhere(visitor), []);
    const page = await visitor.open();
    await startOverFromRefusal(page);
    await teachOne(page);
    await learned(page, 1);
    assert.ok(await kept(page, true));
  },
};

/**
 * @param {string} address
 * @returns {Generator<[name: string, check: () => Promise<void>]>}
 */
export function* unreadableChecks(address) {
  for (const [name, check] of Object.entries(checks)) yield [name, () => inProfile(address, check)];
}
