/// <reference types="vite/client" />
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as bodies from "../src/generated/bodies.ts";
import { wgsl } from "../src/generated/wgsl.ts";
import * as lanestep from "../src/index.ts";
import { arity, register } from "../src/link/link.ts";
import { Update } from "../src/update.ts";
import type { Rule } from "../src/updates/rule.ts";
import { ruleNames, wrapperNames } from "./oracle/arbitrary.ts";
import { bodies as oracle } from "./oracle/bodies.ts";
import { optax } from "./support/golden/optax.ts";

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
/** Nor have those that give leaves to other rules: each has its own labels. */
const GROUPS = ["masked", "partition"];
const isGolden = (file: string) => /^(axon|optax)/.test(file);

describe("one entry a rule: the sets agree", () => {
  it("entries and exported functions that make a rule of their name", () => {
    const exported = modules.flatMap((module) =>
      Object.entries(module).flatMap(([name, value]) =>
        typeof value === "function" && name !== "philox" ? [name] : [],
      ),
    );
    expect(exported.sort()).toEqual([...names, ...CUSTOM, ...GROUPS].sort());
    for (const name of exported) expect(lanestep).toHaveProperty(name);
  });

  it("bodies that entries name and bodies in the wasm", () => {
    const named = entries.flatMap((entry) =>
      entry.kind === "elementwise" ? entry.bodies.flatMap((use) => (use ? [use.body] : [])) : [],
    );
    expect([...new Set(named)].sort()).toEqual(Object.keys(bodies).sort());
    expect(Object.keys(oracle).sort()).toEqual(Object.keys(bodies).sort());
  });

  it("constants and slots that entries name and those that the bodies take", () => {
    for (const entry of entries) {
      if (entry.kind !== "elementwise") continue;
      for (const use of entry.bodies) {
        if (!use) continue;
        register(use);
        const taken = { slots: Object.keys(entry.slots).length, constants: use.constants.length };
        expect([entry.name, taken]).toEqual([entry.name, arity(use.body)]);
      }
    }
  });

  it("functions in WGSL: one a body, with its slots and constants by name; one a norm, with options by name", () => {
    const named = entries.flatMap((entry) => (entry.kind === "elementwise" ? [...entry.bodies] : []));
    for (const entry of entries) {
      if (entry.kind !== "elementwise") continue;
      for (const use of entry.bodies) {
        if (!use) continue;
        const { slots, constants } = wgsl.bodies[use.body];
        expect([use.body, slots, constants]).toEqual([use.body, Object.keys(entry.slots), use.constants]);
      }
    }
    expect(Object.keys(wgsl.bodies).sort()).toEqual([...new Set(named.flatMap((use) => use?.body ?? []))].sort());
    const norms = entries.filter(({ kind }) => kind === "norm");
    expect(Object.keys(wgsl.factors).sort()).toEqual(norms.map(({ name }) => name).sort());
    for (const { name, options } of norms)
      expect(Object.keys(options)).toEqual(expect.arrayContaining(wgsl.factors[name]!.options as string[]));
  });

  it("several bodies, or none for a step, and something that chooses", () => {
    for (const entry of entries) {
      if (entry.kind !== "elementwise") continue;
      const chooses = [entry.choose, entry.select].filter(Boolean).length;
      expect([entry.name, chooses]).toEqual([entry.name, entry.bodies.length > 1 ? 1 : 0]);
      // What is chosen for good always is a body.
      if (entry.choose) expect(entry.bodies).not.toContain(null);
    }
    expect(
      entries.flatMap((entry) => (entry.kind === "elementwise" && entry.bodies.includes(null) ? [entry.name] : [])),
    ).toEqual(["lookahead"]);
  });

  it("rules that remember, and gates", () => {
    const remembering = entries.filter((entry) => "memory" in entry).map(({ name }) => name);
    expect(remembering.sort()).toEqual(["accumulate", "reduceOnPlateau", "skipNonFinite"]);
    for (const entry of entries)
      expect(entry.kind === "gate").toBe(["accumulate", "skipNonFinite"].includes(entry.name));
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
      // Options without a default are numbers here.
      for (const name of Object.keys(options)) options[name] ??= 0.5;
      const scalars: readonly number[] = entry.compute(options as never, 0);
      const names: readonly string[] = entry.scalars;
      expect([entry.name, scalars.map(Number.isFinite)]).toEqual([entry.name, names.map(() => true)]);
      for (const name of entry.bodies.flatMap((use): readonly string[] => use?.constants ?? [])) {
        expect([entry.name, names]).toEqual([entry.name, expect.arrayContaining([name])]);
      }
    }
  });

  it("entries and the README's table of updates", () => {
    const [, rows] = readFileSync("README.md", "utf8").split("| update | what becomes of x |");
    const table = [...rows!.split("\n\n")[0]!.matchAll(/^\| `(\w+)(?:\([^`]*\))?` \|/gm)].map(([, name]) => name!);
    expect(table.sort()).toEqual([...names, ...CUSTOM, ...GROUPS, "identity"].sort());
  });

  it("entries and the rules of the property tests' random chains", () => {
    // There `half` stands for a rule of a user's own.
    const drawn = [...ruleNames.filter((name) => name !== "half"), ...wrapperNames, "freeze"];
    expect(drawn.sort()).toEqual(names);
  });

  it("entries and golden cases; what no other library has, by name", () => {
    const golden = readdirSync("test/golden")
      .filter(isGolden)
      .map((file) => readFileSync(`test/golden/${file}`, "utf8"));
    const found = golden.flatMap((text) => [...text.matchAll(/"(?:op|wrapper)": ?(?:{"name": ?)?"(\w+)"/g)]);
    const camel = found.map(([, op]) => op!.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase()));
    const ours = new Set(camel.map((name) => optax.wrappers[name]?.name ?? name));
    const without = names.filter((name) => !ours.has(name));
    // addNoise is random: test/noise.test.ts. scaleByLearningRate stands in every golden optimizer. What averages
    // parameters, and what does nothing, is tested by plain loops: test/gates.test.ts, test/groups.test.ts.
    expect(without).toEqual(["addNoise", "averageParams", "freeze", "scaleByLearningRate"]);
  });
});

describe("an optimizer is a chain and nothing more", () => {
  const optimizers = "adabelief adadelta adagrad adam adamax adamw lamb lion noisySgd radam rmsprop sgd yogi".split(
    " ",
  );
  it("all of them run in every engine, by the matrix", () => {
    const workload = readFileSync("test/runtimes/workload.mjs", "utf8");
    const called = optimizers.filter((name) => new RegExp(`\\b${name}\\(`).test(workload));
    expect(called).toEqual(optimizers);
  });
  it.each(optimizers)("%s", (name) => {
    const make = (lanestep as unknown as Record<string, () => Update>)[name]!;
    expect(make()).toBeInstanceOf(Update);
    expect(make().rules.every(({ rule }) => names.includes(rule.name))).toBe(true);
  });
});
