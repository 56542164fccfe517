// Groups of parameters: labels, which rules a leaf meets, over what a norm is taken.

import { describe, expect, expectTypeOf, it } from "vitest";
import * as lanestep from "../src/index.ts";
import { encoderAndHead, encoderAndHeadGradients, of, wave } from "./support/models.ts";
import { BACKENDS, bitsIn, expectError } from "./support/untouched.ts";

const { adam, addDecayedWeights, centralize, chain, clipByGlobalNorm, freeze, masked, partition } = lanestep;
const { identity, scale, scaleByAdam, scaleByTrustRatio, sgd, skipNonFinite, stateless, trace } = lanestep;

const rate = (learningRate: number) => sgd({ learningRate });
type Any = lanestep.Optimizer<unknown>;
const groupsOf = (optimizer: unknown) => (optimizer as Any).internals.program.groups;

describe.each(BACKENDS)("labels, on %s", (backend) => {
  it("are asked for once a leaf", async () => {
    const asked: string[] = [];
    const update = masked(rate(1), (path) => asked.push(path) > 0);
    await update.init({ a: of(0), b: [of(0)] }, { backend });
    expect(asked).toEqual(["a", "b/0"]);
    update.initSync({ a: of(0), b: [of(0)] }, { backend });
    expect(asked).toEqual(["a", "b/0", "a", "b/0"]);
  });

  const updates = { fast: rate(1), slow: rate(0.25), none: freeze() };
  /** By how much each leaf has gone down after gradients of ones. */
  function steps(labels: lanestep.Labels<"fast" | "slow" | "none">) {
    const zeros = { a: { x: of(0), y: of(0) }, b: [of(0), of(0)], c: 0 };
    const optimizer = partition(updates, labels).initSync(zeros, { backend });
    optimizer.step({ a: { x: of(1), y: of(1) }, b: [of(1), of(1)], c: 1 });
    const { a, b, c } = optimizer.params;
    return [a.x[0], a.y[0], b[0]![0], b[1]![0], c[0]];
  }

  it.each<[words: string, labels: lanestep.Labels<"fast" | "slow" | "none">, expected: number[]]>([
    ["one for all", "slow", [-0.25, -0.25, -0.25, -0.25, -0.25]],
    ["of a node for all below", { a: "slow", b: "none", c: "fast" }, [-0.25, -0.25, 0, 0, -1]],
    ["a whole tree", { a: { x: "slow", y: "fast" }, b: ["none", "slow"], c: "fast" }, [-0.25, -1, 0, -0.25, -1]],
    ["a function of the path", (path) => (path === "a/y" || path === "b/1" ? "slow" : "none"), [0, -0.25, 0, -0.25, 0]],
  ])("%s", (_words, labels, expected) => expect(steps(labels)).toEqual(expected));

  it("a function gets path, shape and length; keys are joined as in a JSON pointer", () => {
    const seen: [string, lanestep.LeafInfo][] = [];
    const labels = (path: string, leaf: lanestep.LeafInfo) => {
      seen.push([path, leaf]);
      return "fast" as const;
    };
    const tree = { "a/b~": { data: wave(6), shape: [2, 3] }, list: [1.5, of(1, 2)], empty: new Float32Array(0) };
    partition(updates, labels).initSync(tree, { backend });
    expect(Object.fromEntries(seen)).toEqual({
      "a~1b~0": { shape: [2, 3], length: 6 },
      "list/0": { shape: [], length: 1 },
      "list/1": { shape: [2], length: 2 },
      empty: { shape: [0], length: 0 },
    });
  });

  it.each<[message: string, make: () => lanestep.Update]>([
    ['"params.a" is "fats", expected one of "fast", "slow", "none"', () => partition(updates, "fats" as "fast")],
    ['"params.a" is undefined, expected one of', () => partition(updates, { b: "fast" })],
    ['"params.a" is null, expected one of', () => partition(updates, { a: null as never, b: "fast" })],
    ['"params.b.c[0]" is an object, expected one of', () => partition(updates, { a: "fast", b: { c: [{}] } })],
    ['"params.a" is "toString", expected one of', () => partition(updates, () => "toString" as "fast")],
    ['"params.a" is true, expected one of', () => partition(updates, (() => true) as never)],
  ])("the label of %s", async (message, make) => {
    const tree = { a: of(1), b: { c: [of(1)] } };
    const expected = `partition: the label of ${message}`;
    expect(() => make().initSync(tree, { backend })).toThrow(TypeError);
    expect(() => make().initSync(tree, { backend })).toThrow(expected);
    await expect(make().init(tree, { backend })).rejects.toThrow(expected);
  });

  it("masks: what is no boolean", () => {
    const make = (mask: unknown) => () => masked(rate(1), mask as boolean).initSync({ a: [of(1)] }, { backend });
    expectError(make("true"), TypeError, 'masked: the mask of "params.a[0]" is "true", expected true or false');
    expectError(make({}), TypeError, 'masked: the mask of "params.a[0]" is undefined, expected true or false');
    expectError(
      make(() => 1),
      TypeError,
      'masked: the mask of "params.a[0]" is 1, expected true or false',
    );
  });

  it("what is no update", () => {
    const mend = ", expected an update such as scaleByAdam()";
    expectError(() => partition({ a: null as never }, "a"), TypeError, `partition: the update of "a" is null${mend}`);
    expectError(
      () => partition({ a: sgd as never }, "a"),
      TypeError,
      'partition: the update of "a" is a function: call it',
    );
    expectError(
      () => partition([rate(1)] as never, "a"),
      TypeError,
      /^partition takes an object of updates by label, got an/,
    );
    expectError(() => masked(null as never, true), TypeError, `masked: its first argument is null${mend}`);
  });

  it("a function of labels that throws: nothing is made, and the update can be used again", () => {
    let fails = true;
    const update = partition({ all: adam() }, () => {
      if (fails) throw new EvalError("a label's own");
      return "all";
    });
    expectError(() => update.initSync({ a: of(1) }, { backend }), EvalError, "a label's own");
    fails = false;
    expect(update.initSync({ a: of(1) }, { backend }).step({ a: of(1) })).toBe(true);
  });

  it("a function of labels that answers differently for the next model", () => {
    let label: "fast" | "slow" | "none" = "fast";
    const update = partition(updates, () => label);
    const updated = () => {
      const optimizer = update.initSync({ a: of(0) }, { backend });
      optimizer.step({ a: of(1) });
      return optimizer.params.a[0];
    };
    const found = [updated()];
    for (label of ["slow", "none", "fast"] as const) found.push(updated());
    expect(found).toEqual([-1, -0.25, 0, -1]);
  });

  it("types: a label must name a group", () => {
    expectTypeOf(partition<"a" | "b">)
      .parameter(1)
      .toEqualTypeOf<lanestep.Labels<"a" | "b">>();
    // @ts-expect-error no such label
    expect(() => partition({ a: rate(1) }, "b").initSync({ w: 1 })).toThrow(TypeError);
    // @ts-expect-error no such label
    expect(() => partition({ a: rate(1) }, () => "b").initSync({ w: 1 })).toThrow(TypeError);
  });
});

describe.each(BACKENDS)("which rules a leaf meets, on %s", (backend) => {
  it("the numbers of a chain of its own, whatever stands beside it", () => {
    const chains = {
      encoder: () => chain(centralize(), scaleByAdam(), addDecayedWeights({ decay: 0.1 }), scale(-0.1)),
      head: () => chain(trace({ decay: 0.5 }), scaleByTrustRatio(), scale(-0.5)),
    };
    const { encoder, head } = encoderAndHead();
    const together = partition({ e: chains.encoder(), h: chains.head() }, { encoder: "e", head: "h" });
    const both = together.initSync({ encoder, head }, { backend });
    const [one, other] = [chains.encoder().initSync(encoder, { backend }), chains.head().initSync(head, { backend })];
    for (let step = 1; step <= 66; step++) {
      const { encoder, head } = encoderAndHeadGradients(step);
      both.step({ encoder, head });
      one.step(encoder);
      other.step(head);
      expect(bitsIn(both.params)).toEqual(bitsIn([one.params, other.params]));
    }
    const [{ e, h }] = both.snapshot("state") as unknown as [{ e: unknown[]; h: unknown[] }];
    expect(e).toEqual(one.snapshot("state").map((slots) => mapEach(slots, (tree) => ({ encoder: tree }))));
    expect(h).toEqual(other.snapshot("state").map((slots) => mapEach(slots, (tree) => ({ head: tree }))));
  });

  const mapEach = (object: object, map: (value: unknown) => unknown) =>
    Object.fromEntries(Object.entries(object).map(([key, value]) => [key, map(value)]));

  it("around and behind a partition all leaves, inside it those of the label", () => {
    const update = chain(
      scale(2),
      partition({ a: scale(3), b: chain(scale(5), scale(7)) }, { a: "a", b: "b", c: "b" }),
      scale(-1),
    );
    const optimizer = update.initSync({ a: of(0), b: of(0), c: 0 }, { backend });
    optimizer.step({ a: of(1), b: of(1), c: 2 });
    expect([...optimizer.params.a, ...optimizer.params.b, ...optimizer.params.c]).toEqual([-6, -70, -140]);
  });

  it("a partition in a partition", () => {
    const inner = partition({ x: scale(3), y: scale(5) }, (path) => (path.endsWith("x") ? "x" : "y"));
    const update = partition({ in: chain(scale(2), inner, scale(10)), out: scale(-1), off: freeze() }, (path) =>
      path.startsWith("p") ? "in" : path === "q" ? "out" : "off",
    );
    const optimizer = update.initSync({ p: { x: of(0), y: of(0) }, q: of(0), r: of(4) }, { backend });
    optimizer.step({ p: { x: of(1), y: of(1) }, q: of(1), r: null as never });
    expect(optimizer.params).toEqual({ p: { x: of(60), y: of(100) }, q: of(-1), r: of(4) });
    expect(groupsOf(optimizer)).toHaveLength(3);
  });

  it("a mask lets other leaves through unchanged; decay for matrices alone", () => {
    const update = chain(
      masked(addDecayedWeights({ decay: 0.5 }), (_path, { shape }) => shape.length > 1),
      scale(-1),
    );
    const optimizer = update.initSync({ w: { data: [4], shape: [1, 1] }, b: of(4) }, { backend });
    optimizer.step({ w: 1, b: 1 });
    expect(optimizer.params).toEqual({ w: of(4 - 1 - 2), b: of(4 - 1) });
  });

  it.each([1, 2, 5])("%i masks that are the same make two groups, others more", (n) => {
    const tree = { a: of(1), b: of(1), c: of(1), d: of(1) };
    const same = Array.from({ length: n }, () => masked(scale(2), { a: true, b: true, c: false, d: false }));
    expect(groupsOf(chain(...same).initSync(tree, { backend }))).toHaveLength(2);
    const all = Array.from({ length: n }, () => masked(scale(2), true));
    expect(groupsOf(chain(...all).initSync(tree, { backend }))).toHaveLength(1);
    const other = chain(...same, masked(scale(2), { a: true, b: false, c: false, d: false })).initSync(tree, {
      backend,
    });
    expect(groupsOf(other)).toHaveLength(3);
    other.step(tree);
    expect(bitsIn(other.params)).toEqual(bitsIn([1 + 2 ** (n + 1), 1 + 2 ** n, 2, 2].map((x) => of(x))));
  });

  it("a group without rules, one without leaves, and none at all", () => {
    const update = partition({ a: identity(), b: rate(1), none: adam() }, { a: "a", b: "b" });
    const optimizer = update.initSync({ a: of(1), b: of(1) }, { backend });
    optimizer.step({ a: of(2), b: of(2) });
    expect(optimizer.params).toEqual({ a: of(3), b: of(-1) });
    expect(optimizer.state).toEqual([{ a: [], b: [{}], none: [{ mu: {}, nu: {} }, {}] }]);
    expect(
      partition({}, "" as never)
        .initSync({}, { backend })
        .step({}),
    ).toBe(true);
  });

  it("a hundred leaves of a hundred groups", () => {
    const names = Array.from({ length: 100 }, (_, i) => `g${i}`);
    const updates = Object.fromEntries(
      names.map((name, i) => [name, chain(clipByGlobalNorm({ maxNorm: i }), scale(-1))]),
    );
    const tree = Object.fromEntries(names.map((name, i) => [name, wave(1 + (i % 40), i)]));
    const optimizer = partition(updates, (path) => path).initSync(tree, { backend });
    const zeros = Object.fromEntries(names.map((name) => [name, new Float32Array(tree[name]!.length)]));
    optimizer.step(Object.fromEntries(names.map((name) => [name, zeros[name]!.map(() => 1000)])));
    for (const [i, name] of names.entries()) {
      const moved = optimizer.params[name]!.map((x, k) => x - tree[name]![k]!);
      expect(Math.hypot(...moved) / Math.max(i, 1)).toBeCloseTo(i === 0 ? 0 : 1, 5);
    }
  });
});

describe.each(BACKENDS)("norms, on %s", (backend) => {
  const tree = () => ({ a: of(0, 0), b: of(0), c: of(0) });
  /** Norms: a and b 5, c 12, all 13. */
  const given = { a: of(3, 0), b: of(4), c: of(12) };
  const updated = (update: lanestep.Update) => {
    const optimizer = update.initSync(tree(), { backend });
    optimizer.step(given);
    return [...optimizer.params.a, ...optimizer.params.b, ...optimizer.params.c].map((x) => Number(x.toFixed(4)));
  };
  const clip = (maxNorm: number, order?: 2 | typeof Infinity) => clipByGlobalNorm({ maxNorm, order });
  const labels = { a: "ab", b: "ab", c: "c" } as const;

  it("inside a group it is that group's", () => {
    expect(updated(partition({ ab: clip(1), c: identity() }, labels))).toEqual([0.6, 0, 0.8, 12]);
    expect(updated(partition({ ab: clip(1), c: clip(6) }, labels))).toEqual([0.6, 0, 0.8, 6]);
    expect(updated(partition({ ab: clip(1, Infinity), c: clip(6, Infinity) }, labels))).toEqual([0.75, 0, 1, 6]);
  });

  it("around a partition it is the whole tree's, before it and behind it", () => {
    expect(updated(chain(clip(6.5), partition({ ab: scale(2), c: scale(3) }, labels)))).toEqual([3, 0, 4, 18]);
    // (3, 0, 4, 5): the norm is √50.
    const behind = updated(chain(partition({ ab: identity(), c: clip(5) }, labels), clip(Math.sqrt(50) / 2)));
    expect(behind).toEqual([1.5, 0, 2, 2.5]);
    const largest = updated(chain(partition({ ab: identity(), c: clip(5) }, labels), clip(2.5, Infinity)));
    expect(largest).toEqual([1.5, 0, 2, 2.5]);
  });

  it("around a partition and inside a group at once", () => {
    // 13 → 6.5: (1.5, 0, 2, 6); the group's 2.5 → 1.25: (0.75, 0, 1, 6); √(1.5625 + 36) → half.
    const inner = partition({ ab: clip(1.25), c: identity() }, labels);
    expect(updated(chain(clip(6.5), inner, clip(Math.sqrt(1.5625 + 36) / 2)))).toEqual([0.375, 0, 0.5, 3]);
  });

  it("is added up in order of the paths, whatever the groups are: the same to the last bit of a double", () => {
    const names = Array.from({ length: 21 }, (_, i) => `w${String(i).padStart(2, "0")}`);
    const each = (make: (i: number) => Float32Array) => Object.fromEntries(names.map((name, i) => [name, make(i)]));
    // Beside 2^54 a square of 1 is nothing, twenty are something.
    const given = each((i) => of(i === 0 ? 2 ** 27 : 1));
    const norm = (update: lanestep.Update) => {
      const optimizer = chain(clip(1), update).initSync(
        each(() => of(0)),
        { backend },
      );
      optimizer.step(given);
      return optimizer.stats().gradNorm;
    };
    const grouped = partition({ x: rate(1), y: rate(2) }, (path) => (path === "w00" ? "y" : "x"));
    expect([norm(rate(1)), norm(grouped)]).toEqual([2 ** 27, 2 ** 27]);
  });

  it("without the frozen leaves", () => {
    const update = chain(partition({ ab: identity(), c: freeze() }, labels), clip(1));
    const optimizer = update.initSync(tree(), { backend });
    optimizer.step({ a: of(3, 0), b: of(4) } as never);
    expect(bitsIn(optimizer.params)).toEqual(bitsIn(applied([0.6, 0, 0.8, 0])));
  });
  const applied = ([a0, a1, b, c]: number[]) => ({ a: of(a0!, a1!), b: of(b!), c: of(c!) });

  it("a norm behind a user's function is that of what it returns", () => {
    const twice = stateless<ReturnType<typeof tree>>((updates) => {
      for (const leaf of Object.values(updates)) leaf.set(leaf.map((x) => 2 * x));
      return updates;
    });
    // What stands in the scratch is measured by the gate, and then by the norm, with a function between them.
    const gated = chain(trace({ decay: 0 }), skipNonFinite(chain(twice, clip(13))));
    expect(updated(gated)).toEqual([3, 0, 4, 12]);
    expect(updated(chain(twice, clip(13)))).toEqual([3, 0, 4, 12]);
    expect(updated(chain(skipNonFinite(chain(twice, clip(13)))))).toEqual([3, 0, 4, 12]);
  });
});
