// @ts-check
// What the page keeps: training that is left and gone on with is, bit for bit, training that was not.

import assert from "node:assert/strict";
import {
  answer,
  drawByMouse,
  inProfile,
  kept,
  learned,
  noted,
  other,
  ready,
  sample,
  teach,
  words,
} from "./visitor.mjs";

/** @type {typeof import("../../../../src/safetensors.ts")} */
const { readMetadata } = await import(new URL("../../../../dist/safetensors.js", import.meta.url).href);

/** @typedef {import("./visitor.mjs").Page} Page */
/** @typedef {import("./visitor.mjs").Visitor} Visitor */

/** Drawings that the page offers, and what it is told of them. @type {readonly (readonly [string, number])[]} */
const LESSONS = [
  ["a 1 with a long upstroke", 1],
  ["a 9 like a g", 9],
  ["a 0 with a slash", 0],
];

/** @type {readonly import("./visitor.mjs").Line[]} */
const SEVEN = [
  [
    [0.25, 0.2],
    [0.75, 0.2],
    [0.45, 0.85],
  ],
];

/** @param {Page} page @param {number} k */
async function begin(page, k) {
  const [name, label] = LESSONS[k] ?? assert.fail();
  await ready(page);
  await sample(page, name);
  await teach(page, label);
}

/** @param {Page} page @param {number} k */
async function lesson(page, k) {
  await begin(page, k);
  await learned(page, k + 1);
}

/** How many steps are in the file. @param {Uint8Array | null} bytes */
function stepsIn(bytes) {
  const text = bytes && readMetadata(bytes).fineTuning;
  return text ? JSON.parse(text).history.at(-1).step : null;
}

/**
 * Each makes three lessons, in its own way.
 * @type {Record<string, (visitor: Visitor, conditions: string, isFileSystem: boolean) => Promise<Page>>}
 */
const ways = {
  async "reloaded after each digit"(visitor, conditions) {
    const page = await visitor.open(conditions);
    for (const k of LESSONS.keys()) {
      await lesson(page, k);
      await page.reload();
      await noted(page, new RegExp(`^Goes on with what it learned from ${k + 1} digit`));
    }
    return page;
  },

  async "the browser restarted after each digit"(visitor, conditions) {
    for (const k of LESSONS.keys()) {
      await visitor.start();
      await lesson(await visitor.open(conditions), k);
    }
    await visitor.start();
    return visitor.open(conditions);
  },

  async "left in the middle of a write, again and again"(visitor, conditions, isFileSystem) {
    const dying = (/** @type {number} */ write) => [conditions, `dies-at-${write}`].filter(Boolean).join("+");
    const left = async (/** @type {Promise<unknown>} */ begun) => {
      await Promise.all([hangs(page), begun]);
      await page.goto(visitor.addressOf("elsewhere"));
      return stepsIn(await kept(page, isFileSystem));
    };
    // The first write of all: nothing is kept of the digit.
    const page = await visitor.open(dying(1));
    assert.equal(await left(begin(page, 0)), null);
    await page.goto(visitor.addressOf(dying(3)));
    await ready(page);
    assert.equal(await words(page, "own-now"), "–");
    // A digit is written at once, then all is every twenty steps.
    assert.equal(await left(begin(page, 0)), 20);
    for (const step of [40, 60]) assert.equal(await left(page.goto(visitor.addressOf(dying(2)))), step);
    await page.goto(visitor.addressOf(conditions));
    await learned(page, 1);
    await lesson(page, 1);
    await page.goto(visitor.addressOf(dying(2)));
    assert.equal(await left(begin(page, 2)), 200);
    await page.goto(visitor.addressOf(conditions));
    await learned(page, 3);
    return page;
  },
};

/** Until the worker is in the write that never ends. @param {Page} page */
const hangs = (page) => page.waitForEvent("console", (message) => message.text() === "a write hangs");

/** @type {Record<string, (visitor: Visitor, conditions: string, place: string) => Promise<void>>} */
const checks = {
  async "drawn with the mouse, corrected, it answers otherwise, and still does after a reload"(
    visitor,
    conditions,
    place,
  ) {
    const page = await visitor.open(conditions);
    await ready(page);
    assert.match(await words(page, "place"), new RegExp(`kept in this browser \\(${place}\\)`));
    await drawByMouse(page, SEVEN);
    const first = await answer(page);
    const told = other(first);
    await teach(page, told);
    await learned(page, 1);
    assert.equal(await answer(page), told);
    assert.match(await words(page, "answer"), new RegExp(`^A ${told}, \\d+ % sure\\.$`));
    assert.deepEqual([await words(page, "own-before"), await words(page, "own-now")], ["0 of 1", "1 of 1"]);
    const accuracy = await words(page, "accuracy-now");

    await page.reload();
    await noted(page, /^Goes on with what it learned from 1 digit of yours\.$/);
    assert.equal(await words(page, "accuracy-now"), accuracy);
    assert.equal(await words(page, "own-now"), "1 of 1");
    assert.match(await words(page, "yours"), new RegExp(`^a ${told}before: ${first}, \\d+ %now: ${told}, \\d+ % ✓$`));
    await drawByMouse(page, SEVEN);
    assert.equal(await answer(page), told);
  },
};

/**
 * @param {string} address
 * @returns {AsyncGenerator<[name: string, check: () => Promise<void>]>}
 */
export async function* keepingChecks(address) {
  for (const [conditions, place] of /** @type {const} */ ([
    ["", "the origin private file system"],
    ["indexeddb", "IndexedDB"],
  ])) {
    for (const [name, check] of Object.entries(checks)) {
      yield [`${place}: ${name}`, () => inProfile(address, (visitor) => check(visitor, conditions, place))];
    }
    const isFileSystem = conditions === "";
    const straight = await inProfile(address, async (visitor) => {
      const page = await visitor.open(conditions);
      for (const k of LESSONS.keys()) await lesson(page, k);
      return keptWhole(page, isFileSystem);
    });
    for (const [name, way] of Object.entries(ways)) {
      yield [
        `${place}: ${name} is three digits in a row, bit for bit`,
        () =>
          inProfile(address, async (visitor) => {
            const page = await way(visitor, conditions, isFileSystem);
            const found = await keptWhole(page, isFileSystem);
            assert.ok(Buffer.from(found).equals(straight), "the checkpoints differ");
          }),
      ];
    }
  }
}

/** What is kept at the end. @param {Page} page @param {boolean} isFileSystem */
async function keptWhole(page, isFileSystem) {
  const bytes = await kept(page, isFileSystem);
  assert.equal(stepsIn(bytes), 300);
  return bytes ?? assert.fail();
}
