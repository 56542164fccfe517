// What holds back the rules behind it: by hand-computed numbers, and by the same run without what was held back.

import { describe, expect, it } from "vitest";
import * as lanestep from "../src/index.ts";
import * as optimizers from "../src/optimizers.ts";
import { deviation } from "./support/close.ts";
import { gradients, of, params, wave } from "./support/models.ts";
import { BACKENDS, bitsIn, everythingIn, expectError } from "./support/untouched.ts";

const { accumulate, adam, chain, control, identity } = lanestep;
const { partition, reduceOnPlateau, scale, scaleByAdam, scaleBySchedule, sgd } = lanestep;
const { stateful, stateless, trace } = lanestep;

type Model = ReturnType<typeof params>;
const rate = (learningRate: number) => sgd({ learningRate });
const wholeOf = (step: number) => gradients(step) as lanestep.Gradients<Model>;

describe.each(BACKENDS)("accumulate, on %s", (backend) => {
  it("one step of the mean of several gradients, or of their sum; `every` 1 is none", () => {
    const run = (update: lanestep.Update) => {
      const optimizer = update.initSync({ w: of(0) }, { backend });
      return [1, 2, 6, 7, 8, 9].map((x) => [optimizer.step({ w: of(x) }), optimizer.params.w[0], optimizer.count]);
    };
    expect(run(accumulate(rate(1), { every: 3 }))).toEqual([
      ...[
        [false, 0, 0],
        [false, 0, 0],
        [true, -3, 1],
      ],
      ...[
        [false, -3, 1],
        [false, -3, 1],
        [true, -11, 2],
      ],
    ]);
    expect(run(accumulate(rate(1), { every: 2, mean: false })).map(([, w]) => w)).toEqual([0, -3, -3, -16, -16, -33]);
    expect(run(accumulate(rate(1), { every: 1 }))).toEqual(run(rate(1)));
  });

  it.each(Object.entries(optimizers).flatMap(([name, make]) => [3, 4].map((k) => [name, k, make] as const)))(
    "%s: steps of the mean of %i are the steps of one batch, within 1e-6",
    (_name, k, make) => {
      // Noise is keyed by the rule's place in the chain.
      const [parts, whole] = [accumulate(make(), { every: k }), chain(scale(1), make())].map((update) =>
        update.initSync(params(), { backend }),
      );
      for (let step = 0; step < 5; step++) {
        const batches = Array.from({ length: k }, (_, i) => gradients(step * k + i));
        const mean = (pick: (batch: (typeof batches)[number]) => ArrayLike<number>) => {
          const first = pick(batches[0]!);
          // As it is gathered: a sum in f32, in order.
          const sums = batches
            .slice(1)
            .reduce((sum, batch) => sum.map((x, i) => x + pick(batch)[i]!), Float32Array.from(first));
          return sums.map((x) => x / k);
        };
        expect(batches.map((batch) => parts!.step(batch))).toEqual([...Array(k - 1).fill(false), true]);
        whole!.step({
          dense: { kernel: mean(({ dense }) => dense.kernel), bias: mean(({ dense }) => dense.bias) },
          scale: mean(({ scale }) => [scale]),
        });
        const [a, b] = [parts!, whole!].map(({ params }) => [params.dense.kernel, params.dense.bias, params.scale]);
        for (const [i, leaf] of a!.entries()) expect(deviation(leaf, b![i]!).relative).toBeLessThan(1e-6);
        // A quarter is exact; a third is rounded, times the sum here and of it there.
        if (backend === "wasm" && k === 4) expect(bitsIn(a)).toEqual(bitsIn(b));
        expect([parts!.count, whole!.count]).toEqual([step + 1, step + 1]);
      }
    },
  );

  it("the gradients are never changed by step(); update() leaves zeros until the last part", () => {
    const make = () => chain(trace(), accumulate(adam(), { every: 3 })).initSync(params(), { backend });
    const [optimizer, halves] = [make(), make()];
    for (let step = 1; step <= 7; step++) {
      const given = wholeOf(step);
      const changed = optimizer.step(given);
      expect(changed).toBe(step % 3 === 0);
      expect(bitsIn(optimizer.grads)).toEqual(bitsIn({ ...gradients(step), scale: of(-step) }));
      const before = bitsIn(halves.params);
      const updates = halves.update(given);
      expect(bitsIn(updates).some((x) => x !== 0)).toBe(changed);
      halves.apply();
      expect(bitsIn(halves.params).join() === before.join()).toBe(!changed);
      expect([halves.params, halves.state, halves.count]).toEqual([optimizer.params, optimizer.state, optimizer.count]);
    }
  });

  it("gradients of any kind, in leaves of any length, are copied and added", () => {
    const length = 40_000;
    const make = (update: lanestep.Update) =>
      update.initSync({ a: { shape: [length] }, b: { shape: [3] }, c: 0, d: { shape: [2, 2] } }, { backend });
    const [parts, whole] = [make(accumulate(rate(1), { every: 2 })), make(rate(0.5))];
    const given = (phase: number) => ({
      a: Float64Array.from(wave(length, phase)),
      b: [Uint8Array.of(1, 2, 3), Int16Array.of(-1, 5, 300)][phase]!,
      c: phase,
      d: { data: [phase, 2, 3, 4], shape: [2, 2] },
    });
    for (const phase of [0, 1]) {
      parts.step(given(phase));
      const { a, b, c, d } = given(phase);
      expect(bitsIn(parts.grads)).toEqual(bitsIn([a, b, [c], d.data].map((leaf) => Float32Array.from(leaf))));
    }
    const sum = (x: ArrayLike<number>, y: ArrayLike<number>) =>
      Float32Array.from(x, (value, i) => Math.fround(value) + Math.fround(y[i]!));
    const [one, two] = [given(0), given(1)];
    whole.step({ a: sum(one.a, two.a), b: sum(one.b, two.b), c: 1, d: sum(one.d.data, two.d.data) });
    expect(bitsIn(parts.params)).toEqual(bitsIn(whole.params));
  });

  it("gradients from its own views, in other places", () => {
    const optimizer = accumulate(rate(1), { every: 2 }).initSync(
      { a: { shape: [16] }, b: { shape: [16] } },
      { backend },
    );
    const { a, b } = optimizer.grads;
    a.set(wave(16));
    b.set(wave(16, 1));
    optimizer.step({ a: b, b: a });
    expect(optimizer.grads).toEqual({ a: wave(16, 1), b: wave(16) });
    expect(optimizer.state[0]!.sum).toEqual({ a: wave(16, 1), b: wave(16) });
  });

  it("its state is the sum so far", () => {
    const optimizer = accumulate(adam(), { every: 3 }).initSync({ w: of(0) }, { backend });
    const sums = [1, 2, 3, 10, 20].map((x) => {
      optimizer.step({ w: of(x) });
      return optimizer.state[0]!.sum!.w[0];
    });
    expect(sums).toEqual([1, 3, 6, 10, 30]);
  });

  it("schedules, counts and bias corrections behind it count steps, not parts; before it they count parts", () => {
    const seen: Record<string, number[]> = { before: [], behind: [] };
    const watch = (name: string) =>
      scaleBySchedule((step) => {
        seen[name]!.push(step);
        return 1;
      });
    const update = chain(
      watch("before"),
      accumulate(watch("behind"), { every: 2 }),
      scaleBySchedule((step) => step + 1),
    );
    const optimizer = update.initSync({ w: of(0) }, { backend });
    const found = Array.from({ length: 6 }, () => {
      optimizer.step({ w: of(1) });
      return optimizer.params.w[0];
    });
    expect(found).toEqual([0, 1, 1, 3, 3, 6]);
    expect(seen).toEqual({ before: [0, 1, 2, 3, 4, 5], behind: [0, 0, 1, 1, 2, 2] });
  });

  it("`every` by a schedule of its steps, and by a control that ends a sum early", () => {
    const run = (every: lanestep.Scalar, set?: (i: number) => void) => {
      const optimizer = accumulate(rate(1), { every }).initSync({ w: of(0) }, { backend });
      return Array.from({ length: 7 }, (_, i) => {
        set?.(i);
        optimizer.step({ w: of(2 ** i) });
        return optimizer.params.w[0];
      });
    };
    // One, two, three: 1; (2 + 4)/2; (8 + 16 + 32)/3.
    const byStep = run((step) => step + 1);
    expect(byStep.slice(0, 5)).toEqual([-1, -1, -4, -4, -4]);
    expect(byStep[5]).toBeCloseTo(-4 - 56 / 3, 5);
    expect(byStep[6]).toBe(byStep[5]);
    const every = control(4);
    const early = run(every, (i) => {
      if (i === 2) every.value = 2;
      if (i === 4) every.value = 3;
    });
    // Three parts when two are enough: their mean is still that of three.
    expect(early[2]).toBeCloseTo(-7 / 3, 6);
    expect(early.slice(2, 5)).toEqual([early[2], early[2], early[2]]);
    expect(early[5]).toBeCloseTo(-7 / 3 - 56 / 3, 5);
  });

  it("sums of sums", () => {
    const optimizer = accumulate(accumulate(rate(1), { every: 2 }), { every: 3, mean: false }).initSync(
      { w: of(0) },
      { backend },
    );
    const found = Array.from({ length: 12 }, (_, i) => optimizer.step({ w: of(i) }) && optimizer.params.w[0]);
    // (0 + 1 + 2 + 3 + 4 + 5)/2, and (6 + … + 11)/2 more.
    expect(found).toEqual([...Array(5).fill(false), -7.5, ...Array(5).fill(false), -33]);
  });

  it("in one group alone: others step with every part", () => {
    const update = chain(
      partition({ slow: accumulate(rate(1), { every: 2 }), fast: rate(1) }, { a: "slow", b: "fast" }),
      scaleByAdam(),
      scale(-1),
    );
    const optimizer = update.initSync({ a: of(0), b: of(0) }, { backend });
    const alone = {
      a: accumulate(chain(rate(1), scaleByAdam(), scale(-1)), { every: 2 }),
      b: chain(rate(1), scaleByAdam(), scale(-1)),
    };
    const [a, b] = [alone.a.initSync(of(0), { backend }), alone.b.initSync(of(0), { backend })];
    for (const x of [1, 2, 4, 8]) {
      expect(optimizer.step({ a: of(x), b: of(x) })).toBe(true);
      a.step(of(x));
      b.step(of(x));
      expect(bitsIn(optimizer.params)).toEqual(bitsIn([a.params, b.params]));
    }
    expect(optimizer.count).toBe(4);
  });

  it("a plateau behind groups that wait differently has seen every step that one of them took", () => {
    const update = chain(
      partition({ slow: accumulate(identity(), { every: 2 }), fast: identity() }, { a: "slow", b: "fast" }),
      reduceOnPlateau({ factor: 0.5, patience: 1 }),
    );
    const optimizer = update.initSync({ a: of(0), b: of(0) }, { backend });
    const found = [0, 1, 2, 3].map(() => {
      optimizer.step({ a: of(1), b: of(1) }, { value: 1 });
      return optimizer.params.b[0];
    });
    expect(found).toEqual([1, 1.5, 1.75, 1.875]);
  });

  it("a user's function behind it is called with whole steps, and one that throws has not happened", () => {
    let fails = false;
    const seen: number[] = [];
    const rule = stateful<{ w: Float32Array }, number>(
      () => 0,
      (updates, calls) => {
        if (fails) throw new EvalError("a rule's own");
        seen.push(updates.w[0]!);
        return [updates, calls + 1];
      },
    );
    const optimizer = accumulate(chain(trace({ decay: 0.5 }), rule, reduceOnPlateau(), scale(-1)), {
      every: 2,
    }).initSync({ w: of(0) }, { backend });
    const step = (x: number) => optimizer.step({ w: of(x) }, { value: 1 });
    step(1);
    const before = everythingIn(optimizer);
    fails = true;
    for (let i = 0; i < 3; i++) {
      optimizer.grads.w[0] = 1;
      expectError(() => optimizer.step(optimizer.grads as never, { value: 1 }), EvalError, "a rule's own");
      expectError(() => optimizer.update(optimizer.grads as never, { value: 1 }), EvalError, "a rule's own");
      expect(everythingIn(optimizer)).toEqual(before);
    }
    fails = false;
    for (const x of [3, 5, 7]) step(x);
    expect([seen, optimizer.state[2], optimizer.count, optimizer.internals.host.counts[1]]).toEqual([[2, 7], 2, 2, 2]);
    expect(optimizer.params.w[0]).toBe(-9);
  });

  it("a user's function around groups of which one waits sees zeros for it", () => {
    const seen: number[][] = [];
    const rule = stateless<{ a: Float32Array; b: Float32Array }>((updates) => {
      seen.push([updates.a[0]!, updates.b[0]!]);
      updates.a.fill(9);
      return updates;
    });
    const groups = { slow: accumulate(identity(), { every: 2 }), fast: identity() };
    const update = chain(partition(groups, { a: "slow", b: "fast" }), rule, scale(-1));
    const optimizer = update.initSync({ a: of(0), b: of(0) }, { backend });
    const found = [1, 3, 5, 7].map((x) => {
      optimizer.step({ a: of(x), b: of(x) });
      return [optimizer.params.a[0], optimizer.params.b[0]];
    });
    expect(seen).toEqual([
      [0, 1],
      [2, 3],
      [0, 5],
      [6, 7],
    ]);
    // What it writes for those that wait is lost.
    expect(found).toEqual([
      [0, -1],
      [-9, -4],
      [-9, -9],
      [-18, -16],
    ]);
  });

  it("after 64 steps, not parts, the smallest numbers of state are zero", () => {
    const optimizer = accumulate(trace({ decay: 1 }), { every: 2 }).initSync({ w: of(0) }, { backend });
    const state = optimizer.state[1]!.trace!.w;
    state[0] = 2 ** -101;
    for (let part = 1; part <= 128; part++) {
      optimizer.step({ w: of(0) });
      expect([part, state[0]]).toEqual([part, part < 128 ? 2 ** -101 : 0]);
    }
  });
});
