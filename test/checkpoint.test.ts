// What is saved goes on in another process as if there had been no stop: the processes run
// test/support/checkpoint-process.js on the built package.

import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import * as lanestep from "../src/index.ts";
import { metadataOf } from "./support/checkpoint.ts";
import { chainsOf, run } from "./support/checkpoint-chains.js";

interface Begun {
  readonly error?: string;
  readonly halves: Readonly<Record<string, string>>;
  readonly end: string;
  readonly stats: string;
}

interface GoneOn {
  readonly error?: string;
  readonly halves: Readonly<Record<string, string>>;
  readonly ends: Readonly<Record<string, string>>;
  readonly stats: string;
}

const chains = chainsOf(lanestep);
let folder = "";
let begun: Record<string, Begun> = {};
let goneOn: Record<string, GoneOn> = {};

async function inProcess(mode: string): Promise<unknown> {
  const script = fileURLToPath(new URL("support/checkpoint-process.js", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, mode, folder], { maxBuffer: 2 ** 28 });
  return JSON.parse(stdout);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "lanestep-checkpoint-"));
  begun = (await inProcess("begin")) as typeof begun;
  goneOn = (await inProcess("go-on")) as typeof goneOn;
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

describe.each(["wasm", "reference"])("on %s, 50 steps and 50 in another process hold the bits of 100", (backend) => {
  const other = backend === "wasm" ? "reference" : "wasm";
  it.each(Object.keys(chains).flatMap((name) => [[name], [`${name}, grown`]]))("%s", (name) => {
    const [, chain, grown] = /^(.*?)(, grown)?$/.exec(name) as unknown as [string, string, string | undefined];
    const [first, second] = [begun, goneOn].map((all) => all[`${chain}, ${backend}${grown ?? ""}`]!) as [Begun, GoneOn];
    expect([first.error, second.error]).toEqual([undefined, undefined]);
    const { at } = chains[chain]!;
    const onOther = begun[`${chain}, ${other}${grown ?? ""}`]!.halves;
    for (const step of at) {
      const held = first.halves[step]!;
      expect(held.length).toBeGreaterThan(100);
      expect(second.halves[step]).toBe(held);
      expect(second.halves[`${step}, loaded`]).toBe(held);
      expect(second.halves[`${step}, ${other}`]).toBe(onOther[step]);
      expect(second.ends[step]).toBe(first.end);
      expect(second.ends[`${step}, loaded`]).toBe(first.end);
      if (!["no rule", "everything frozen"].includes(chain)) expect(held).not.toBe(first.end);
    }
    expect(second.stats).toBe(first.stats);
  });
});

describe("what the chains above are to show, they do show", () => {
  const memoriesAt = (name: string, steps: readonly number[]) => {
    const example = chains[name]!;
    const { update, before } = example.make();
    const optimizer = update.initSync({ ...example.gradients(0) }) as lanestep.Optimizer<never>;
    let from = 0;
    return steps.map((step) => {
      run(optimizer, example, before, from, step);
      from = step;
      return JSON.stringify(metadataOf(optimizer.save()).host);
    });
  };

  it("accumulate is saved at every phase", () => {
    const phases = memoriesAt("accumulate", chains.accumulate!.at).map((text) => /"parts":(\d)/.exec(text)![1]);
    expect(phases).toEqual(["0", "1", "2", "3"]);
  });

  it("skipNonFinite is saved between skipped steps", () => {
    expect(memoriesAt("skipNonFinite", [50])[0]).toContain('"consecutive":3,"skipped":11');
  });

  it("reduceOnPlateau is saved while it cools", () => {
    expect(memoriesAt("reduceOnPlateau", chains.reduceOnPlateau!.at).join()).toMatch(/"cooling":[1-9]/);
  });
});
