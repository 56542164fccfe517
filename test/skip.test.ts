// Steps that are skipped: nothing of them may be left, by hand-computed numbers and by the same run without them.

import { describe, expect, it } from "vitest";
import * as lanestep from "../src/index.ts";
import { gradients, of, params } from "./support/models.ts";
import { BACKENDS, bitsIn, everythingIn, expectError, expectRefusal } from "./support/untouched.ts";

const { accumulate, adam, addNoise, averageParams, chain, clipByGlobalNorm, identity } = lanestep;
const { lookahead, partition, reduceOnPlateau, scale, scaleByAdam, scaleBySchedule, sgd } = lanestep;
const { skipNonFinite, trace, zeroNans, NonFiniteError, StateError } = lanestep;

type Model = ReturnType<typeof params>;
const rate = (learningRate: number) => sgd({ learningRate });

const wholeOf = (step: number) => gradients(step) as lanestep.Gradients<Model>;

describe.each(BACKENDS)("skipNonFinite, on %s", (backend) => {
  const inner = () =>
    chain(
      clipByGlobalNorm(),
      scaleByAdam(),
      addNoise({ seed: 5 }),
      trace(),
      lookahead(identity(), { every: 2 }),
      reduceOnPlateau({ patience: 1 }),
      scaleBySchedule((step) => -1 / (1 + step)),
      averageParams(),
    );
  const told = (step: number) => ({ value: 1 / (1 + (step % 3)) });

  it.each<[where: string, spoil: (g: ReturnType<typeof gradients>, bad: number) => void]>([
    ["the first element", ({ dense }, bad) => dense.bias.set([bad])],
    ["the last element", ({ dense }, bad) => dense.kernel.set([bad], 11)],
    ["a scalar", (g, bad) => Object.assign(g, { scale: bad })],
    ["every element", ({ dense }, bad) => void dense.kernel.fill(bad)],
  ])("NaN, Infinity and -Infinity in %s: the run goes on as without that step, bit for bit", (_where, spoil) => {
    const make = () => skipNonFinite(inner()).initSync(params(), { backend });
    const [optimizer, halves, clean] = [make(), make(), make()];
    const bads = [Number.NaN, Infinity, -Infinity];
    for (let step = 0; step < 9; step++) {
      const bad = gradients(step);
      spoil(bad, bads[step % 3]!);
      const { host } = optimizer.internals;
      const before = {
        ...everythingIn(optimizer),
        grads: null,
        counts: host.counts.slice(1),
        memories: host.memories.slice(1),
      };
      expect(optimizer.step(bad as lanestep.Gradients<Model>, told(7))).toBe(false);
      const after = {
        ...everythingIn(optimizer),
        grads: null,
        counts: host.counts.slice(1),
        memories: host.memories.slice(1),
      };
      expect(after).toEqual(before);
      expect(bitsIn(optimizer.grads.dense)).toEqual(bitsIn([bad.dense.kernel, bad.dense.bias]));
      expect(bitsIn(halves.update(bad as lanestep.Gradients<Model>, told(7))).every((x) => x === 0)).toBe(true);
      halves.apply();
      for (const one of [optimizer, clean]) expect(one.step(wholeOf(step), told(step))).toBe(true);
      halves.update(wholeOf(step), told(step));
      halves.apply();
      for (const one of [optimizer, halves]) {
        expect([bitsIn(one.params), one.snapshot("state"), one.count]).toEqual([
          bitsIn(clean.params),
          clean.snapshot("state"),
          step + 1,
        ]);
        expect(one.stats().skipped).toBe(step + 1);
      }
    }
  });

  it("large numbers whose squares overflow are not skipped", () => {
    const optimizer = skipNonFinite(rate(1)).initSync({ a: of(0, 0), b: of(0) }, { backend });
    expect(optimizer.step({ a: of(3e38, -3e38), b: of(1) })).toBe(true);
    expect(optimizer.params).toEqual({ a: of(-3e38, 3e38), b: of(-1) });
    // Not its input, but what the rules before it make of it.
    const behind = chain(scale(1e30), skipNonFinite(rate(1))).initSync({ a: of(0), b: of(1) }, { backend });
    expect(behind.step({ a: of(1e30), b: of(0) })).toBe(false);
    expect(behind.params).toEqual({ a: of(0), b: of(1) });
  });

  it("of leaves of every length, in every place", () => {
    for (const length of [1, 3, 4, 5, 15, 16, 17, 4099]) {
      const optimizer = skipNonFinite(rate(1), { maxConsecutive: 1e6 }).initSync(
        { w: { shape: [length] } },
        { backend },
      );
      for (const at of new Set([0, 1, 2, 3, length >> 1, length - 2, length - 1].filter((i) => i >= 0 && i < length))) {
        for (const bad of [Number.NaN, Infinity, -Infinity]) {
          optimizer.grads.w.fill(1);
          optimizer.grads.w[at] = bad;
          expect([length, at, bad, optimizer.step()]).toEqual([length, at, bad, false]);
        }
      }
      // What lies behind the leaf is not its.
      optimizer.internals.engine.spans("grads")[0]!.fill(Number.NaN);
      optimizer.grads.w.fill(1);
      expect(optimizer.step()).toBe(true);
    }
  });

  it("one more in a row than allowed is a NonFiniteError with the first such leaf by path; the step after it still works", () => {
    const tree = () => ({ a: of(0), b: { c: of(0) }, d: of(0) });
    const labels = { a: "x", b: "y", d: "x" } as const;
    const grouped = partition({ x: rate(1), y: rate(2) }, labels);
    for (const update of [
      skipNonFinite(rate(1), { maxConsecutive: 2 }),
      skipNonFinite(grouped, { maxConsecutive: 2 }),
    ]) {
      const optimizer = update.initSync(tree(), { backend });
      const bad = { a: of(1), b: { c: of(Number.NaN) }, d: of(Infinity) };
      for (let round = 0; round < 2; round++) {
        const before = bitsIn(optimizer.params);
        for (let i = 0; i < 2; i++) expect(optimizer.step(bad)).toBe(false);
        for (const row of [3, 4]) {
          const message = `skipNonFinite skipped ${row} steps in a row, more than 2: "grads.b.c" has NaN or infinities`;
          expectError(() => optimizer.step(bad), NonFiniteError, message);
        }
        expectError(() => optimizer.update(bad), NonFiniteError, /skipped 5 steps in a row/);
        expect([bitsIn(optimizer.params), optimizer.count]).toEqual([before, round]);
        expectRefusal(
          optimizer as lanestep.Optimizer,
          () => optimizer.apply(),
          StateError,
          /apply\(\) needs an update\(\)/,
        );
        expect(optimizer.step({ a: of(1), b: { c: of(1) }, d: of(1) })).toBe(true);
        expect(optimizer.params.a[0]).toBe(-1 - round);
      }
      expect(optimizer.stats().skipped).toBe(10);
    }
  });

  it("of one group alone: the others step, and count, also where it throws", () => {
    const update = partition({ x: skipNonFinite(rate(1), { maxConsecutive: 1 }), y: rate(1) }, { a: "x", b: "y" });
    const optimizer = update.initSync({ a: of(0), b: of(0) }, { backend });
    const bad = { a: of(Number.NaN), b: of(1) };
    expect(optimizer.step(bad)).toBe(true);
    expect([optimizer.params, optimizer.count]).toEqual([{ a: of(0), b: of(-1) }, 1]);
    expectError(() => optimizer.step(bad), NonFiniteError, /"grads\.a"/);
    expect([optimizer.params, optimizer.count]).toEqual([{ a: of(0), b: of(-2) }, 2]);
  });

  it("of one group alone, in the functional form: the error leaves nothing behind, the state that was given goes on", async () => {
    const update = partition({ x: skipNonFinite(rate(1), { maxConsecutive: 0 }), y: adam() }, { a: "x", b: "y" });
    const start = { a: of(0), b: of(0) };
    const [good, bad] = [of(1), of(Number.NaN)].map((a) => ({ a, b: of(1) }));
    const [fresh, solver] = [0, 1].map(() => lanestep.functional(update, { backend }));
    const wanted = fresh!.update(good!, await fresh!.init(start), start);
    const state = await solver!.init(start);
    for (let i = 0; i < 2; i++) {
      expectError(() => solver!.update(bad!, state, start), NonFiniteError, /"grads\.a"/);
      expect(solver!.update(good!, state, start)).toEqual(wanted);
    }
  });

  it("inside accumulate it looks at the mean; around it at every part", () => {
    const run = (update: lanestep.Update) => {
      const optimizer = update.initSync({ w: of(0) }, { backend });
      return [1, Number.NaN, 2, 3, 4, 5].map((x) => [optimizer.step({ w: of(x) }), optimizer.params.w[0]]);
    };
    const [no, yes] = [(w: number) => [false, w], (w: number) => [true, w]];
    expect(run(accumulate(skipNonFinite(rate(1)), { every: 2 }))).toEqual([
      no(0),
      no(0),
      no(0),
      yes(-2.5),
      no(-2.5),
      yes(-7),
    ]);
    expect(run(skipNonFinite(accumulate(rate(1), { every: 2 })))).toEqual([
      no(0),
      no(0),
      yes(-1.5),
      no(-1.5),
      yes(-5),
      no(-5),
    ]);
  });

  it("reads the gradients no twice where a clipped norm comes next, and has its numbers", () => {
    const make = (update: lanestep.Update) => update.initSync(params(), { backend });
    const [gated, plain] = [
      make(skipNonFinite(chain(clipByGlobalNorm(), adam()))),
      make(chain(clipByGlobalNorm(), adam())),
    ];
    const norms = gated.internals.program.groups
      .flatMap(({ stages }) => stages)
      .flatMap(({ passes }) => passes)
      .filter(({ kind }) => kind === "norm");
    expect(norms).toHaveLength(1);
    for (let step = 0; step < 5; step++) {
      gated.step(wholeOf(step));
      plain.step(wholeOf(step));
      expect(bitsIn(gated.params)).toEqual(bitsIn(plain.params));
    }
  });

  it("zeroNans puts zeros in the place of NaN, before it could be skipped; infinities stay", () => {
    const optimizer = chain(zeroNans(), skipNonFinite(scale(-1))).initSync({ w: of(0, 1, 2, 3, 4) }, { backend });
    expect(optimizer.step({ w: of(Number.NaN, 1, -0, Number.NaN, -1) })).toBe(true);
    expect(optimizer.params.w).toEqual(of(0, 0, 2, 3, 5));
    expect(optimizer.step({ w: of(Number.NaN, Infinity, 0, 0, 0) })).toBe(false);
    const alone = zeroNans().initSync({ w: of(0, 0, 0) }, { backend });
    expect(alone.update({ w: of(Number.NaN, -Infinity, -0) }).w).toEqual(of(0, -Infinity, -0));
  });
});
