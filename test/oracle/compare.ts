// Runs one case on an optimizer and on the interpreter, and compares every bit of every plane after every step.

import { expect } from "vitest";
import type * as Lanestep from "../../src/index.js";
import * as lanestep from "../../src/index.js";
import type { Layout } from "../../src/tree/layout.js";
import { build, type Fill, fill, type Library, type RuleSpec, type TreeSpec, zerosOf } from "./arbitrary.js";
import { Interpreter } from "./interpreter.js";

export interface Case {
  readonly chain: readonly RuleSpec[];
  readonly tree: TreeSpec;
  readonly params: Fill;
  /** One for each step. */
  readonly grads: readonly Fill[];
  /** Steps done before the first. */
  readonly count: number;
}

type Planes = Readonly<Record<string, Float32Array>>;

/**
 * Both halves of a step and the whole of it, on two optimizers, against the interpreter. What lies behind a leaf is
 * NaN from the begin: nothing may read it.
 */
export async function expectInterpretersBits(
  library: Library,
  { chain, tree, params, grads, count }: Case,
  options: Lanestep.InitOptions,
  path: Lanestep.BackendInfo["path"],
): Promise<void> {
  const whole = await build(library, chain).init(zerosOf(tree), options);
  const halves = build(library, chain).initSync(zerosOf(tree), options);
  expect([whole.backend.path, halves.backend.path]).toEqual([path, path]);
  const { layout } = whole.internals;
  for (const { internals } of [whole, halves]) {
    internals.plane("params").fill(NaN);
    internals.plane("grads").fill(NaN);
    fill(internals.plane("params"), layout, params);
    internals.abandon(count);
  }
  const oracle = new Interpreter(build(lanestep, chain).rules, layout, whole.internals.plane("params"));
  const slotsOf = (plane: (slot: number) => Float32Array): Planes =>
    Object.fromEntries(oracle.program.slots.map(({ rule, name }, i) => [`state[${rule}].${name}`, plane(i)]));

  grads.forEach((given, i) => {
    const when = `step ${count + i}`;
    for (const plane of [whole.internals.plane("grads"), halves.internals.plane("grads"), oracle.grads]) {
      fill(plane, layout, given);
    }
    const before = oracle.grads.slice();
    oracle.update(count + i);
    whole.step();
    halves.update();
    expectBits(layout, { updates: halves.internals.plane("grads") }, { updates: oracle.grads }, `${when}, update()`);
    oracle.apply();
    halves.apply();
    expectBits(layout, { grads: whole.internals.plane("grads") }, { grads: before }, `${when}, step()`);
    const expected = { params: oracle.params, ...slotsOf((slot) => oracle.slots[slot]!) };
    for (const [{ internals }, how] of [[whole, "step()"] as const, [halves, "apply()"] as const]) {
      const actual = { params: internals.plane("params"), ...slotsOf((slot) => internals.plane(slot)) };
      expectBits(layout, actual, expected, `${when}, ${how}`);
    }
  });
}

const bitsOf = (plane: Float32Array) => new Int32Array(plane.buffer, plane.byteOffset, plane.length);

/** −0 differs from +0; a NaN is equal to any NaN. Leaves only. */
function expectBits({ leaves }: Layout, actual: Planes, expected: Planes, when: string): void {
  for (const [name, plane] of Object.entries(expected)) {
    const [a, b] = [bitsOf(actual[name]!), bitsOf(plane)];
    for (const { path, offset, length } of leaves) {
      for (let i = offset; i < offset + length; i++) {
        if (a[i] === b[i] || (Number.isNaN(actual[name]![i]) && Number.isNaN(plane[i]))) continue;
        const [found, wanted] = [actual[name]![i]!, plane[i]!].map((x) => (Object.is(x, -0) ? "-0" : x));
        throw new Error(`${when}: ${name} "${path}"[${i - offset}] is ${found}, the interpreter has ${wanted}`);
      }
    }
  }
}
