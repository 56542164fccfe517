// The code of docs/webgpu.md, from its first line to its last.

import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { runExample } from "../support/examples.ts";
import { openDevice } from "./device.mjs";

it("the code of docs/webgpu.md runs", async () => {
  const device = await openDevice();
  const gpu = { requestAdapter: async () => ({ requestDevice: async () => device }) };
  Object.defineProperty(globalThis, "navigator", { value: { gpu }, configurable: true });
  const blocks = [...readFileSync("docs/webgpu.md", "utf8").matchAll(/^```js\n([\s\S]*?)^```/gm)].map(
    ([, code]) => code,
  );
  expect(blocks.length).toBe(6);
  const example = { where: "docs/webgpu.md", code: blocks.join("\n") };
  const checked = await runExample(example, (actual, expected) => expect(actual).toEqual(expected));
  expect(checked).toBe(6);
  device.destroy();
});
