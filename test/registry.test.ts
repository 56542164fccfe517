/// <reference types="vite/client" />
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { bodies } from "../src/generated/bodies.js";
import * as lanestep from "../src/index.js";
import { Update } from "../src/update.js";
import type { Rule } from "../src/updates/rule.js";
import { ruleNames } from "./oracle/arbitrary.js";

/** Every entry, found in the files that hold them. */
const modules = Object.values(
  import.meta.glob<Record<string, unknown>>(["../src/updates/*.ts", "!../src/updates/rule.ts"], { eager: true }),
);
const entries = modules.flatMap((module) =>
  Object.entries(module).flatMap(([name, value]) => (name.endsWith("Rule") ? [value as Rule] : [])),
);
const names = entries.map(({ name }) => name).sort();

/** Rules that a user makes of functions have no entry. */
const CUSTOM = ["stateful", "stateless"];
const isGolden = (file: string) => /^(axon|optax)/.test(file);

describe("one entry a rule: the sets agree", () => {
  it("entries and exported functions that make a rule of their name", () => {
    const exported = modules.flatMap((module) =>
      Object.entries(module).flatMap(([name, value]) =>
        typeof value === "function" && name !== "philox" ? [name] : [],
      ),
    );
    expect(exported.sort()).toEqual([...names, ...CUSTOM].sort());
    for (const name of exported) expect(lanestep).toHaveProperty(name);
  });

  it("bodies that entries name and bodies in the wasm", () => {
    const named = entries.flatMap((entry) =>
      entry.kind === "elementwise" ? entry.bodies.map(({ body }) => body) : [],
    );
    expect([...new Set(named)].sort()).toEqual(Object.keys(bodies).sort());
  });

  it("constants and slots that entries name and those that the bodies take", () => {
    for (const entry of entries) {
      if (entry.kind !== "elementwise") continue;
      for (const { body, constants } of entry.bodies) {
        expect([entry.name, constants.length]).toEqual([entry.name, bodies[body].constants]);
        expect([entry.name, Object.keys(entry.slots).length]).toEqual([entry.name, bodies[body].slots]);
      }
    }
  });

  it("scalars that entries compute and those that their bodies and factors want", () => {
    for (const entry of entries) {
      if (entry.kind !== "elementwise") continue;
      const options = Object.fromEntries(
        Object.entries(entry.options as Record<string, { initial: unknown }>).map(([name, { initial }]) => [
          name,
          initial,
        ]),
      );
      const scalars: Readonly<Record<string, number>> = entry.scalars(options as never, 0);
      const wanted = entry.bodies.flatMap(({ constants }) => constants as readonly string[]);
      for (const name of entry.hasFactor ? [...wanted, "factor"] : wanted) {
        expect([entry.name, name, Number.isFinite(scalars[name])]).toEqual([entry.name, name, true]);
      }
    }
  });

  it("entries and the README's table of updates", () => {
    const table = [...readFileSync("README.md", "utf8").matchAll(/^\| `(\w+)(?:\([^`]*\))?` \|/gm)].map(
      ([, name]) => name!,
    );
    expect(table.sort()).toEqual([...names, ...CUSTOM, "identity"].sort());
  });

  it("entries and the rules of the property tests' random chains", () => {
    // There `half` stands for a rule of a user's own.
    expect(ruleNames.filter((name) => name !== "half").sort()).toEqual(names);
  });

  it("entries and golden cases; what no other library has, by name", () => {
    const golden = readdirSync("test/golden")
      .filter(isGolden)
      .map((file) => readFileSync(`test/golden/${file}`, "utf8"));
    const ops = new Set(golden.flatMap((text) => [...text.matchAll(/"op": ?"(\w+)"/g)].map(([, op]) => op!)));
    const camel = [...ops].map((op) => op.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()));
    const without = names.filter((name) => !camel.includes(name));
    // addNoise is random: test/noise.test.ts. scaleByLearningRate stands in every golden optimizer.
    expect(without).toEqual(["addNoise", "scaleByLearningRate"]);
  });
});

describe("an optimizer is a chain and nothing more", () => {
  const optimizers = "adabelief adagrad adam adamw lamb noisySgd radam rmsprop sgd yogi".split(" ");
  it.each(optimizers)("%s", (name) => {
    const make = (lanestep as unknown as Record<string, () => Update>)[name]!;
    expect(make()).toBeInstanceOf(Update);
    expect(make().rules.every(({ rule }) => names.includes(rule.name))).toBe(true);
  });
});
