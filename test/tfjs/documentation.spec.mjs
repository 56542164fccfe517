// @ts-check
// The code of docs/tfjs.md, from its first line to its last.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as tfjs from "../../src/tfjs/index.ts";
import { runExample } from "../support/examples.ts";
import { tf, useBackend } from "./support.mjs";

it("runs, and shows what it says", async () => {
  await useBackend("cpu");
  const page = readFileSync("docs/tfjs.md", "utf8");
  const blocks = [...page.matchAll(/^```js\n([\s\S]*?)^```/gm)].map(([, code]) => code);
  expect(blocks.length).toBe(5);
  const code = blocks
    .join("\n")
    .replace(/^import \* as tf from .*$/m, "")
    .replace(/^await (.*); \/\/ => /gm, "(await $1); // => ");
  Object.assign(globalThis, { tf, ...tfjs });
  const checked = await runExample({ where: "docs/tfjs.md", code }, (actual, expected) => {
    expect(actual).toEqual(expected);
  });
  expect(checked).toBe(4);
});
