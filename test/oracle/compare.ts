// Runs one case on an optimizer and on the interpreter, and compares every bit of every plane after every step.

import { expect } from "vitest";
import type * as Lanestep from "../../src/index.ts";
import * as lanestep from "../../src/index.ts";
import { displayPath } from "../../src/tree/path.ts";
import { build, type Fill, fill, type Library, type RuleSpec, type TreeSpec, zerosOf } from "./arbitrary.ts";
import { Interpreter } from "./interpreter.ts";

export interface Case {
  readonly chain: readonly RuleSpec[];
  readonly tree: TreeSpec;
  readonly params: Fill;
  /** One for each step. */
  readonly grads: readonly Fill[];
  /** Steps done before the first. */
  readonly count: number;
}

type Leaves = readonly (Float32Array | null)[];
type Planes = Readonly<Record<string, Leaves>>;

/** What a plateau is told: it falls, stays and rises. */
const valueAt = (step: number): number => [3, 2, 2, 2.5, 1.9999, 1.9, 4, 4][step % 8]! / (1 + (step >> 3));

const leavesOf = ({ internals }: Lanestep.Optimizer, id: "params" | "grads" | number): Leaves =>
  internals.views.leaves(id);

/** All slots by name. */
function slotsOf({ slots }: Interpreter, leaves: (slot: number) => Leaves): Planes {
  return Object.fromEntries(slots.map(({ rule, name }, i) => [`state of rule ${rule}: ${name}`, leaves(i)]));
}

/** NaN behind every leaf of every plane that is not zero by itself: nothing may read it. */
function poison({ internals: { engine, views, program } }: Lanestep.Optimizer): void {
  for (const id of ["params", "grads", ...program.slots.keys()] as const) {
    const kept = views.leaves(id).map((leaf) => leaf?.slice());
    for (const span of engine.spans(id)) span.fill(NaN);
    views.leaves(id).forEach((leaf, i) => {
      leaf?.set(kept[i]!);
    });
  }
}

/**
 * Both halves of a step and the whole of it, on two optimizers, against the interpreter. What lies behind a leaf is
 * NaN from the begin: nothing may read it. So are the parameters of frozen leaves.
 */
export async function expectInterpretersBits(
  library: Library,
  { chain, tree, params, grads, count }: Case,
  options: Lanestep.InitOptions,
  path: Lanestep.BackendInfo["path"],
): Promise<void> {
  // State may begin with the parameters: they are there from the begin.
  const zeros = build(library, []).initSync(zerosOf(tree), { backend: "reference" });
  const { layout } = zeros.internals.program;
  fill(leavesOf(zeros, "params"), params);
  const model = given(tree, zeros.snapshot("params"));
  const whole = await build(library, chain).init(model, options);
  const halves = build(library, chain).initSync(model, options);
  expect([whole.backend.path, halves.backend.path]).toEqual([path, path]);
  const oracle = new Interpreter(
    build(lanestep, chain).rules,
    layout,
    layout.leaves.map((_, i) => leavesOf(zeros, "params")[i]!),
    count,
  );
  const both = [whole, halves] as Lanestep.Optimizer[];
  for (const optimizer of both) {
    const { host, program } = optimizer.internals;
    expect(program.slots.map(({ rule, name }) => [rule, name])).toEqual(
      oracle.slots.map(({ rule, name }) => [rule, name]),
    );
    host.count = count;
    host.counts.fill(count);
    poison(optimizer);
    oracle.leaves.forEach((leaf, i) => {
      if (!leaf) leavesOf(optimizer, "params")[i]!.fill(NaN);
    });
  }
  const gradients = oracle.leaves.map((leaf) => leaf?.grads ?? null);

  grads.forEach((given, i) => {
    const when = `step ${count + i}`;
    for (const plane of [...both.map((optimizer) => leavesOf(optimizer, "grads")), gradients]) fill(plane, given);
    const before = gradients.map((leaf) => leaf?.slice() ?? null);
    const told = { value: valueAt(i) };
    const { changed, skipped } = oracle.update(told);
    expect(skipped?.consecutive ?? 0, when).toBeLessThan(1000);
    const own = i % 2 === 0 ? whole.grads : takenOut(both[0]!);
    expect([whole.step(own as never, told), when]).toEqual([changed, when]);
    halves.update(halves.grads as never, told);
    expectBits(layout, { updates: leavesOf(both[1]!, "grads") }, { updates: gradients }, `${when}, update()`);
    oracle.apply();
    halves.apply();
    expectBits(layout, { grads: leavesOf(both[0]!, "grads") }, { grads: before }, `${when}, step()`);
    const live = oracle.params.map((leaf, k) => (oracle.leaves[k] ? leaf : new Float32Array(leaf.length).fill(NaN)));
    const expected = {
      params: live,
      ...slotsOf(oracle, (slot) => oracle.leaves.map((leaf) => leaf?.slots.get(slot) ?? null)),
    };
    for (const [optimizer, how] of [[both[0]!, "step()"] as const, [both[1]!, "apply()"] as const]) {
      const actual = { params: leavesOf(optimizer, "params"), ...slotsOf(oracle, (slot) => leavesOf(optimizer, slot)) };
      expectBits(layout, actual, expected, `${when}, ${how}`);
      expect([optimizer.count, optimizer.internals.host.custom], when).toEqual([oracle.count, oracle.custom]);
    }
  });
}

/** The gradients as a caller's own tree, and nothing in their place. */
function takenOut(optimizer: Lanestep.Optimizer): unknown {
  const tree = optimizer.snapshot("grads");
  for (const leaf of leavesOf(optimizer, "grads")) leaf?.fill(NaN);
  return tree;
}

/** A tree of zeros with other numbers in its leaves. */
function given(tree: TreeSpec, values: unknown): unknown {
  const zeros = zerosOf(tree);
  const walk = (zero: unknown, value: unknown): unknown => {
    if (typeof zero === "number") return (value as Float32Array)[0];
    if (zero instanceof Float32Array) return value;
    if (value instanceof Float32Array) return { ...(zero as object), data: value };
    if (Array.isArray(zero)) return zero.map((child, i) => walk(child, (value as unknown[])[i]));
    return Object.fromEntries(
      Object.entries(zero as object).map(([key, child]) => [key, walk(child, (value as Record<string, unknown>)[key])]),
    );
  };
  return walk(zeros, values);
}

const bitsOf = (leaf: Float32Array) => new Int32Array(leaf.buffer, leaf.byteOffset, leaf.length);

/** −0 differs from +0; a NaN is equal to any NaN. A plane has a leaf on both sides, or on neither. */
function expectBits(
  { leaves }: { leaves: readonly { readonly keys: readonly (string | number)[] }[] },
  actual: Planes,
  expected: Planes,
  when: string,
): void {
  for (const [name, plane] of Object.entries(expected)) {
    leaves.forEach(({ keys }, k) => {
      const [found, wanted] = [actual[name]![k]!, plane[k]!];
      const where = `${when}: ${name} "${displayPath("tree", keys)}"`;
      if (!found || !wanted) {
        if (found || wanted) throw new Error(`${where} is ${found && "there"}, the interpreter has ${wanted && "it"}`);
        return;
      }
      const [a, b] = [bitsOf(found), bitsOf(wanted)];
      for (let i = 0; i < b.length; i++) {
        if (a[i] === b[i] || (Number.isNaN(found[i]) && Number.isNaN(wanted[i]))) continue;
        const [has, wants] = [found[i]!, wanted[i]!].map((x) => (Object.is(x, -0) ? "-0" : x));
        throw new Error(`${where}[${i}] is ${has}, the interpreter has ${wants}`);
      }
    });
  }
}
