// Trees of any form, through a file and back.

import { describe, expect, it } from "vitest";
import { adam, partition, sgd, type Update } from "../src/index.ts";
import { metadataOf } from "./support/checkpoint.ts";
import { numbers, written } from "./support/checkpoint-chains.js";
import { trees } from "./support/trees.ts";
import { BACKENDS, bitsIn } from "./support/untouched.ts";

const of = (...values: number[]) => Float32Array.of(...values);

const KEYS = [
  ...["a/b", "~", "~0", "~1", "a~1b", "", "/", "//", " ", ".", "..", "#2", "mu", "params", "state/x", "custom/0"],
  ...["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "then", "length", "__metadata__"],
  ...["0", "1", "-1", "007", "1e3", "4294967295", "9007199254740993", "NaN", "true", "null", "undefined"],
  ...["é", "e\u0301", "😀", "\ud83d", "\ude00", "\ud800\ud800", "~ud800", "~u0061", "~u", "~~u0061", "\u2028", "\0"],
  ...['"', "\\", "\\u0041", "\n", "\ufeff", "\uffff", "x".repeat(10_000), "dtype", "data_offsets"],
];

/** An object with these very keys, "__proto__" too. */
const objectOf = (entries: readonly (readonly [string, unknown])[]) => Object.fromEntries(entries);

/** A tree of zeros comes back as one of { data, shape }. */
const settled = (text: string) => text.replaceAll('"zeros"', '"shaped"');

/** Saves after a step, builds the tree from the file, and goes on with both. */
async function roundTrip(update: Update, tree: unknown, backend: "wasm" | "reference") {
  const optimizer = update.initSync(tree as Record<string, never>, { backend });
  const step = (one: typeof optimizer, seed: number) => {
    for (const leaf of one.internals.views.leaves("grads")) leaf?.set(numbers(leaf.length, leaf.length + seed));
    one.step();
  };
  step(optimizer, 0);
  const file = optimizer.save();
  const restored = await update.restore<Record<string, never>>(file, undefined, { backend });
  expect(written([restored.params, restored.state])).toBe(written([optimizer.params, optimizer.state]));
  expect([restored.carried!.fresh, restored.carried!.dropped]).toEqual([[], []]);
  expect(settled(JSON.stringify(metadataOf(restored.save())))).toBe(settled(JSON.stringify(metadataOf(file))));
  step(optimizer, 1);
  step(restored, 1);
  expect(written([restored.params, restored.state])).toBe(written([optimizer.params, optimizer.state]));
  return restored;
}

describe.each(BACKENDS)("without parameters, restore builds the saved tree on %s", (backend) => {
  it.each(trees.filter(([name]) => name !== "10,000 keys"))("%s", async (_name, tree) => {
    await roundTrip(adam(), tree, backend);
  });

  it.each(KEYS.map((key) => [key.length > 20 ? "a long key" : JSON.stringify(key), key]))(
    "the key %s",
    async (_, key) => {
      const tree = objectOf([
        [key, of(1, 2)],
        ["node", objectOf([[key, objectOf([[key, 3]])]])],
        ["list", [objectOf([[key, { data: of(4), shape: [1, 1] }]]), [of(5)]]],
      ]);
      const restored = await roundTrip(sgd({ momentum: 0.9 }), tree, backend);
      const params: object = restored.params;
      expect(Object.hasOwn(params, key)).toBe(true);
      expect(Object.getPrototypeOf(params)).toBe(Object.prototype);
    },
  );

  it("all those keys in one object", async () => {
    const tree = objectOf(KEYS.map((key, i) => [key, i % 2 ? numbers(i, i) : objectOf([[key, i]])]));
    const restored = await roundTrip(adam(), tree, backend);
    expect(Object.keys(restored.params as object)).toEqual(Object.keys(tree));
    expect("polluted" in {}).toBe(false);
  });

  it.each([
    ["a number", 5],
    ["-0", -0],
    ["an array", of(1, 2)],
    ["an empty array", of()],
    ["a scalar with a shape", { data: [1], shape: [] }],
    ["a matrix", { data: numbers(6), shape: [2, 3] }],
    ["zeros", { shape: [2, 3] }],
    ["zeros without elements", { shape: [2, 0, 3] }],
    ["no leaf, an object", {}],
    ["no leaf, an array", []],
  ])("%s at the root", async (_name, tree) => {
    await roundTrip(adam(), tree, backend);
  });

  it("numbers and arrays of all kinds, nested in arrays", async () => {
    const leaves = [1, Float64Array.of(0.5), Int8Array.of(-1), { data: [1, 2], shape: [2, 1] }, { shape: [0] }, of()];
    await roundTrip(adam(), [leaves, [[], [leaves, {}]], { "0": leaves, "1": [] }], backend);
  });

  it("300 leaves in three groups", async () => {
    const tree = objectOf(Array.from({ length: 300 }, (_, i) => [`layer${i}`, numbers((7 * i) % 23, i)]));
    const update = partition({ a: adam(), b: sgd({ momentum: 0.5 }), c: sgd() }, (_path, { length }) =>
      length % 3 === 0 ? "a" : length % 3 === 1 ? "b" : "c",
    );
    await roundTrip(update, tree, backend);
  });
});

describe("the tree that restore builds", () => {
  it("has the kinds of leaves that were saved, of 32 bits", async () => {
    const tree = {
      number: 0.1,
      array: Float64Array.of(0.1, 2),
      bytes: Uint8Array.of(3),
      matrix: { data: [1, 2, 3, 4], shape: [2, 2] },
      list: [{ data: [5], shape: [] }, of(6)],
      empty: {},
    };
    const optimizer = sgd().initSync(tree);
    const restored = await sgd().restore<typeof tree>(optimizer.save());
    expect(restored.snapshot("params")).toEqual(optimizer.snapshot("params"));
    const kinds = restored.internals.program.layout.leaves.map(({ path, kind, shape }) => [path, kind, shape]);
    expect(kinds).toEqual(
      optimizer.internals.program.layout.leaves.map(({ path, kind, shape }) => [path, kind, shape]),
    );
  });

  it("does not share memory with the file", async () => {
    const file = sgd()
      .initSync({ w: of(1, 2) })
      .save();
    const restored = await sgd().restore<{ w: Float32Array }>(file);
    file.fill(0);
    expect(restored.params.w).toEqual(of(1, 2));
  });

  it("is read from any view of bytes, wherever it lies", async () => {
    const file = sgd({ momentum: 0.5 })
      .initSync({ w: numbers(9) })
      .save();
    for (const shift of [1, 2, 3, 4, 8, 64]) {
      const shifted = new Uint8Array(file.length + 2 * shift).fill(255);
      shifted.set(file, shift);
      const views = [shifted.subarray(shift, shift + file.length), Buffer.from(shifted.buffer, shift, file.length)];
      for (const view of views) {
        const { params } = await sgd({ momentum: 0.5 }).restore<{ w: Float32Array }>(view);
        expect(params.w).toEqual(numbers(9));
      }
    }
    expect((await sgd({ momentum: 0.5 }).restore<{ w: Float32Array }>(file.buffer)).params.w).toEqual(numbers(9));
    const shared = new Uint8Array(new SharedArrayBuffer(file.length));
    shared.set(file);
    expect((await sgd({ momentum: 0.5 }).restore<{ w: Float32Array }>(shared)).params.w).toEqual(numbers(9));
  });

  it("keeps every bit of NaN, -0 and subnormal numbers", async () => {
    const bits = Int32Array.of(0x7fc00001, -0x3fffff, 0x7f800001, -(2 ** 31), 1, -(2 ** 31) + 1, 0x7f800000);
    const tree = {
      w: new Float32Array(bits.buffer),
      s: { data: new Float32Array(bits.slice(0, 1).buffer), shape: [] },
    };
    const optimizer = sgd({ momentum: 0.5 }).initSync(tree);
    // Not by init: a number of JavaScript need not keep the bits of a NaN.
    new Int32Array(optimizer.params.w.buffer, optimizer.params.w.byteOffset, 7).set(bits);
    new Int32Array(optimizer.state[0]!.trace!.w.buffer, optimizer.state[0]!.trace!.w.byteOffset, 7).set(bits);
    const restored = await sgd({ momentum: 0.5 }).restore(optimizer.save());
    expect(bitsIn(restored.params)).toEqual(bitsIn(optimizer.params));
    expect(bitsIn(restored.state[0])).toEqual(bitsIn(optimizer.state[0]));
    expect(bitsIn(restored.params).slice(0, 7)).toEqual([...bits]);
  });
});
