// Checkpoints of earlier versions are read for ever: test/fixtures/checkpoints has them, with what they hold.

import { readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import * as lanestep from "../src/index.ts";
import { fixtures, stepOf } from "./fixtures/checkpoints/chains.js";
import { metadataOf } from "./support/checkpoint.ts";
import { heldBy } from "./support/checkpoint-chains.js";
import { BACKENDS } from "./support/untouched.ts";

const folder = new URL("fixtures/checkpoints/", import.meta.url);
const fileOf = (name: string) => Uint8Array.from(readFileSync(new URL(`${name}.safetensors`, folder)));
const names = Object.keys(fixtures(lanestep));

it("all files have a chain, and all chains a file", () => {
  const files = readdirSync(folder).flatMap((file) =>
    file.endsWith(".safetensors") ? [file.replace(/\..*/, "")] : [],
  );
  expect(files.sort()).toEqual([...names].sort());
});

it.each(names)("%s: what it holds, and the next step, bit for bit", async (name) => {
  // Defaults of options may change: the files have those that were.
  const options = { options: "saved" } as const;
  const expected = JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8"));
  for (const backend of BACKENDS) {
    const fixture = fixtures(lanestep)[name]!;
    const restored = await fixture.update.restore<never>(fileOf(name), undefined, { ...options, backend });
    expect(heldBy(restored)).toBe(expected.saved);
    expect(restored.carried).toMatchObject({ fresh: [], dropped: [], options: [] });
    if (backend === "reference") continue;
    stepOf(fixture, restored, 100);
    expect(heldBy(restored)).toBe(expected.next);
    expect(expected.next).not.toBe(expected.saved);
    const given = fixture.later?.params ?? fixture.params;
    const into = await fixture.update.restore<never>(fileOf(name), given as never, options);
    expect(heldBy(into)).toBe(expected.saved);
    await restored.load(fileOf(name));
    expect(heldBy(restored)).toBe(expected.saved);
  }
});

it("the files show gates half-way, skipped steps, a plateau that cools, and leaves of two ages", () => {
  const hostOf = (name: string) => JSON.stringify(metadataOf(fileOf(name)).host);
  expect(hostOf("gates")).toMatch(/"parts":2/);
  expect(hostOf("gates")).toMatch(/"consecutive":2,"skipped":3/);
  expect(hostOf("memory")).toMatch(/"cooling":[1-9]/);
  const { groups } = metadataOf(fileOf("ages")).host;
  expect(new Set(groups.map(({ births }: { births: number[] }) => births[0]))).toEqual(new Set([0, 5]));
});
