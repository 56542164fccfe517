// @ts-check
// What visitors do with the page: by mouse, keys and finger, in two tabs, and where something is in their way.

import assert from "node:assert/strict";
import { restored } from "../../../../examples/browser/fine-tuning.js";
import { accessible } from "../accessible.mjs";
import {
  answer,
  drawByMouse,
  inProfile,
  isTold,
  kept,
  learned,
  noted,
  other,
  ready,
  replaceKept,
  sample,
  teach,
  words,
} from "./visitor.mjs";

/** @typedef {import("./visitor.mjs").Page} Page */
/** @typedef {import("./visitor.mjs").Visitor} Visitor */
/** @typedef {(visitor: Visitor) => Promise<void>} Body */

/** Learns one digit. @param {Page} page */
async function learnOne(page) {
  await ready(page);
  await sample(page, "a 7 with a bar");
  const told = other(await answer(page));
  await teach(page, told);
  await learned(page, 1);
  assert.equal(await answer(page), told);
  return told;
}

/** Goes back to the trained network. @param {Page} page */
async function startOver(page) {
  await page.getByRole("button", { name: "Start over …" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Start over" }).click();
}

/** What has the focus; by keys it is seen there. @param {Page} page */
function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement ?? document.body;
    const isSeen = getComputedStyle(element).outlineStyle !== "none";
    return { name: element.id || element.getAttribute("aria-label") || element.textContent?.trim() || "", isSeen };
  });
}

/** Tab, until that has the focus. @param {Page} page @param {string} name */
async function tabTo(page, name) {
  /** @type {string[]} */
  const passed = [];
  for (;;) {
    await page.keyboard.press("Tab");
    const at = await focused(page);
    assert.ok(at.isSeen, `the focus is not seen at ${at.name}`);
    if (at.name === name) return;
    assert.ok(!passed.includes(at.name), `${name} is not reached by Tab, only ${passed}`);
    passed.push(at.name);
  }
}

/** @param {Page} page @param {string} key @param {number} times */
async function press(page, key, times = 1) {
  for (let k = 0; k < times; k++) await page.keyboard.press(key);
}

/** @type {Record<string, Body>} */
const checks = {
  async "by keys alone: draws, corrects, and starts over"(visitor) {
    const page = await visitor.open();
    await ready(page);
    await tabTo(page, "pad");
    assert.ok(await page.getByRole("application", { name: "Drawing pad", exact: true }).isVisible());
    // A seven: its corners.
    await press(page, "ArrowLeft", 4);
    await press(page, "ArrowUp", 6);
    await press(page, " ");
    await press(page, "ArrowRight", 9);
    await press(page, " ");
    await press(page, "ArrowDown", 13);
    await press(page, "ArrowLeft", 6);
    await press(page, " ");
    assert.equal(await words(page, "answer"), "Nothing yet.");
    await press(page, "Enter");
    const first = await answer(page);
    assert.match(await words(page, "answer"), new RegExp(`^A ${first}, `));
    const told = other(first);
    await tabTo(page, `It was a ${told}`);
    await press(page, "Enter");
    await learned(page, 1);
    assert.equal(await answer(page), told);
    assert.equal((await focused(page)).name, `It was a ${told}`);
    await tabTo(page, "reset");
    await press(page, "Enter");
    assert.deepEqual(await focused(page), { name: "Keep it", isSeen: true });
    await press(page, "Escape");
    assert.deepEqual(await focused(page), { name: "reset", isSeen: true });
    assert.equal(await words(page, "own-now"), "1 of 1");
    await press(page, "Enter");
    await tabTo(page, "Start over");
    await press(page, "Enter");
    await page.locator("#own-now", { hasText: "–" }).waitFor();
    assert.equal(await answer(page), first);
  },

  async "by a finger, on a phone: draws without scrolling the page, which is nowhere wider than 320 pixels"(visitor) {
    visitor.options = { viewport: { width: 320, height: 640 }, hasTouch: true };
    const page = await visitor.open();
    await ready(page);
    await page.locator("#pad").scrollIntoViewIfNeeded();
    const box = await page.locator("#pad").boundingBox();
    assert.ok(box);
    const before = await page.evaluate(() => scrollY);
    const session = await page.context().newCDPSession(page);
    for (const [type, y] of /** @type {const} */ ([
      // Upwards: where the pad let it, that would move the page.
      ["touchStart", 0.9],
      ["touchMove", 0.6],
      ["touchMove", 0.3],
      ["touchMove", 0.1],
      ["touchEnd", null],
    ])) {
      const touchPoints = y === null ? [] : [{ x: box.x + box.width / 2, y: box.y + y * box.height }];
      await session.send("Input.dispatchTouchEvent", { type, touchPoints });
    }
    await page.locator("#answer", { hasText: "A 1, " }).waitFor();
    assert.equal(await page.evaluate(() => scrollY), before);
    await teach(page, 1);
    await learned(page, 1);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= 320));
  },

  async "says aloud what a stroke was read as when it has ended, not before"(visitor) {
    const page = await visitor.open();
    await ready(page);
    const box = await page.locator("#pad").boundingBox();
    assert.ok(box);
    await page.mouse.move(box.x + box.width / 2, box.y + 30);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width / 2, box.y + 250, { steps: 5 });
    assert.equal(await answer(page), 1);
    assert.equal(await words(page, "answer"), "Nothing yet.");
    await page.mouse.up();
    assert.match(await words(page, "answer"), /^A 1, \d+ % sure\.$/);
  },

  async "learns nothing from an empty pad; Undo and Clear make one"(visitor) {
    const page = await visitor.open();
    await ready(page);
    const isRefused = async () => {
      await teach(page, 3);
      await noted(page, /^There is nothing to learn from yet: draw a digit first\.$/);
      assert.equal(await words(page, "digit"), "–");
    };
    await isRefused();
    for (const name of ["Undo", "Clear"]) {
      await drawByMouse(page, [[[0.5, 0.5]]]); // a dot
      assert.notEqual(await words(page, "digit"), "–");
      await page.getByRole("button", { name }).click();
      await isRefused();
    }
    assert.equal(await kept(page, true), null);
  },

  async "forgets little: of 2,000 held-out digits at most 1.5 percent points fewer are read rightly"(visitor) {
    const page = await visitor.open();
    await ready(page);
    const lessons = [
      ["a 1 with a long upstroke", 1],
      ["a 9 like a g", 9],
      ["a 0 with a slash", 0],
    ];
    for (const [k, [name, label]] of lessons.entries()) {
      await sample(page, String(name));
      await teach(page, Number(label));
      await learned(page, k + 1);
    }
    assert.equal(await words(page, "own-now"), "3 of 3");
    const [before, now] = await Promise.all(
      ["accuracy-before", "accuracy-now"].map(async (id) => Number.parseFloat(await words(page, id))),
    );
    assert.ok(Number(before) > 90 && Number(now) > Number(before) - 1.5, `${before} % and ${now} %`);
  },

  async "a second tab says that another one learns, and goes on from there once that is closed"(visitor) {
    const first = await visitor.open();
    await ready(first);
    const second = await visitor.open();
    await noted(second, /^Another tab with this page is open/);
    assert.equal(await isTold(second), false);
    await sample(second, "a 7 with a bar");
    const untold = await answer(second); // It reads all the same.
    const told = await learnOne(first);
    assert.equal(await answer(second), untold);
    await first.close();
    await noted(second, /^Goes on with what it learned from 1 digit of yours\.$/);
    assert.equal(await answer(second), told);
    await teach(second, told);
    await learned(second, 2);
  },

  async "what a tab is asked while it waits is not done to what the other one learns"(visitor) {
    const first = await visitor.open();
    await ready(first);
    const second = await visitor.open();
    await noted(second, /^Another tab with this page is open/);
    assert.ok(await second.getByRole("button", { name: "Start over …" }).isDisabled());
    // As from a page that lets it be pressed all the same.
    await second.workers()[0]?.evaluate(() => dispatchEvent(new MessageEvent("message", { data: { type: "reset" } })));
    const told = await learnOne(first);
    await first.close();
    await noted(second, /^Goes on with what it learned from 1 digit of yours\.$/);
    await sample(second, "a 7 with a bar");
    await teach(second, told);
    await learned(second, 2);
    await startOver(second);
    await second.locator("#own-now", { hasText: "–" }).waitFor();
  },

  async "starts over: the trained network answers again, and nothing is kept"(visitor) {
    const page = await visitor.open();
    const told = await learnOne(page);
    assert.ok(await kept(page, true));
    await startOver(page);
    await page.locator("#own-now", { hasText: "–" }).waitFor();
    assert.notEqual(await answer(page), told);
    assert.equal(await words(page, "accuracy-now"), await words(page, "accuracy-before"));
    assert.equal(await kept(page, true), null);
    assert.equal(await learnOne(page), told);
  },

  async "where nothing can be stored, says so and learns all the same"(visitor) {
    const page = await visitor.open("nothing");
    await ready(page);
    assert.match(await words(page, "place"), /^This browser keeps nothing for this page/);
    await sample(page, "a 7 with a bar");
    await teach(page, 1);
    await noted(page, /^It has learned from 1 digit of yours, but could not keep it\.$/);
    assert.equal(await answer(page), 1);
  },

  async "where the storage is full, says so and learns all the same"(visitor) {
    const page = await visitor.open("full");
    await ready(page);
    await sample(page, "a 7 with a bar");
    await teach(page, 1);
    await noted(page, /but could not keep it\.$/);
    assert.match(await words(page, "place"), /this browser refused \(There is no room left\.\)/);
    assert.equal(await answer(page), 1);
  },

  async "what cannot be gone on from stays until the visitor starts over"(visitor) {
    const page = await visitor.open();
    await learnOne(page);
    const whole = await kept(page, true);
    assert.ok(whole);
    const another = (await restored(whole)).save({ metadata: { fineTuning: JSON.stringify({ base: 1 }) } });
    for (const [bytes, reason] of /** @type {const} */ ([
      [Buffer.from("It is no checkpoint, though it could be a letter."), /is it a safetensors file/],
      [whole.subarray(0, -1), /is it cut off/],
      [another, /another trained network/],
    ])) {
      await replaceKept(page, bytes);
      await page.reload();
      await noted(page, reason);
      assert.equal(await isTold(page), false);
      await sample(page, "a 7 with a bar");
      assert.notEqual(await words(page, "digit"), "–");
      assert.ok(Buffer.from((await kept(page, true)) ?? []).equals(bytes));
    }
    await startOver(page);
    await learnOne(page);
  },

  async "a worker that crashes is said, and goes on from what was kept when it is started again"(visitor) {
    const page = await visitor.open();
    const told = await learnOne(page);
    await page.workers()[0]?.evaluate(() => {
      setTimeout(() => {
        throw new Error("broken");
      });
    });
    await noted(page, /^The worker that trains has stopped: .*broken/);
    assert.equal(await isTold(page), false);
    assert.equal(await answer(page), told);
    await page.getByRole("button", { name: "Start it again" }).click();
    await noted(page, /^Goes on with what it learned from 1 digit of yours\.$/);
    await teach(page, told);
    await learned(page, 2);
    visitor.problems = visitor.problems.filter((problem) => !problem.includes("broken"));
  },

  async "without motion where that is asked for"(visitor) {
    visitor.options = { reducedMotion: "reduce" };
    const page = await visitor.open();
    const duration = "getComputedStyle(document.querySelector('.bar')).transitionDuration";
    assert.equal(await page.evaluate(duration), "0s");
    await page.emulateMedia({ reducedMotion: "no-preference" });
    assert.notEqual(await page.evaluate(duration), "0s");
  },
};

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  checks[`${colorScheme}: axe finds nothing`] = async (visitor) => {
    visitor.options = { colorScheme };
    const page = await visitor.open();
    await ready(page);
    await accessible(page, "at first");
    await learnOne(page);
    await page.getByText("Without a mouse").click();
    await accessible(page, "when it has learned");
    await page.setViewportSize({ width: 320, height: 640 });
    await accessible(page, "on a phone");
    await page.getByRole("button", { name: "Start over …" }).click();
    await accessible(page, "asked whether it is sure");
    await page.keyboard.press("Escape");
    const second = await visitor.open();
    await noted(second, /^Another tab/);
    await accessible(second, "in a second tab");
  };
}

/**
 * @param {string} address
 * @returns {Generator<[name: string, check: () => Promise<void>]>}
 */
export function* usingChecks(address) {
  for (const [name, check] of Object.entries(checks)) yield [name, () => inProfile(address, check)];
}
