// load() on optimizers that are at work: in turn, out of turn, again and again, with leaves of several ages.

import { describe, expect, it } from "vitest";
import * as lanestep from "../src/index.ts";
import {
  accumulate,
  adam,
  averageParams,
  CheckpointError,
  chain,
  DisposedError,
  identity,
  lookahead,
  type Optimizer,
  partition,
  StateError,
  scale,
  scaleByAdam,
  sgd,
  stateful,
  trace,
} from "../src/index.ts";
import { everythingIn, expectLoadRefused, expectRejection, gradients, stepped, tree } from "./support/checkpoint.ts";
import {
  chainsOf,
  gradients as gradientsAt,
  heldBy,
  numbers,
  params,
  run,
  written,
} from "./support/checkpoint-chains.js";

const of = (...values: number[]) => Float32Array.of(...values);
const update = chain(trace(), adam(), averageParams({ decay: 0.5 }));
const file = stepped(update, 5).save();
const other = stepped(sgd(), 1).save();

describe("load", () => {
  it("keeps views, gradients and the trees that users hold", async () => {
    const optimizer = stepped(update, 2);
    const { params, state, grads } = optimizer;
    const [w, mu] = [params.w as Float32Array, state[1]!.mu!.w];
    const before = written(grads);
    await optimizer.load(file);
    expect([optimizer.params === params, optimizer.state === state, optimizer.grads === grads]).toEqual([
      true,
      true,
      true,
    ]);
    expect(optimizer.params.w).toBe(w);
    expect(optimizer.state[1]!.mu!.w).toBe(mu);
    expect(written(optimizer.grads)).toBe(before);
    const expected = stepped(update, 5);
    expect(written([w, mu])).toBe(written([expected.params.w, expected.state[1]!.mu!.w]));
  });

  it("again and again, also what itself has saved, gives the same bits", async () => {
    const optimizer = stepped(update, 2);
    const ends = new Set<string>();
    for (let round = 0; round < 4; round++) {
      await optimizer.load(file);
      if (round % 2) await optimizer.load(optimizer.save());
      expect(optimizer.count).toBe(5);
      expect(written(optimizer.save())).toBe(written(file));
      for (let step = 5; step < 9; step++) optimizer.step(gradients(step) as never);
      ends.add(written(optimizer.save()));
    }
    expect(ends.size).toBe(1);
    expect([...ends][0]).toBe(written(stepped(update, 9).save()));
  });

  it("two at once leave what the last one has", async () => {
    const optimizer = stepped(update, 1);
    const second = stepped(update, 7).save();
    await Promise.all([optimizer.load(file), optimizer.load(second)]);
    expect(written(optimizer.save())).toBe(written(second));
  });

  it("reports names", async () => {
    const { carried, fresh, dropped, options } = await stepped(update, 1).load(file);
    expect([fresh, dropped, options]).toEqual([[], [], []]);
    expect(carried).toContain("state/scaleByAdam/mu/w");
    expect(carried.length).toBe(10);
  });

  it.each(["load", "load of parameters"])(
    "%s between update() and apply() is a StateError, and apply() goes on",
    async (how) => {
      const [optimizer, twin] = [stepped(update, 2), stepped(update, 2)];
      const options = how === "load" ? {} : ({ only: "params" } as const);
      for (const one of [optimizer, twin]) one.update(gradients(2) as never);
      const held = written([optimizer.params, optimizer.state, optimizer.grads, optimizer.count]);
      await expectRejection(
        () => optimizer.load(file, options),
        StateError,
        /^load\(\) between update\(\) and apply\(\)/,
      );
      expect(written([optimizer.params, optimizer.state, optimizer.grads, optimizer.count])).toBe(held);
      for (const one of [optimizer, twin]) one.apply();
      expect(written(optimizer.save())).toBe(written(twin.save()));
      await optimizer.load(file, options);
    },
  );

  it("with the average in the parameters' place, and after dispose(), is refused", async () => {
    const optimizer = stepped(update, 2);
    optimizer.swapAverage();
    await expectRejection(() => optimizer.load(file), StateError, /^load\(\) while the average/);
    expect(() => optimizer.save()).toThrow(StateError);
    optimizer.swapAverage();
    expect(written(optimizer.save())).toBe(written(stepped(update, 2).save()));
    const loading = optimizer.load(file);
    optimizer.dispose();
    await expectRejection(() => loading, DisposedError, /disposed/);
    expect(() => optimizer.save()).toThrow(DisposedError);
    expect(() => [...optimizer.saveChunks()]).toThrow(DisposedError);
  });

  it("from inside a rule waits for the end of the step; save() there is a StateError", async () => {
    let loading: Promise<unknown> = Promise.resolve();
    const optimizer = stateful(
      () => 0,
      (updates, calls: number) => {
        for (const save of [() => optimizer.save(), () => [...optimizer.saveChunks()]])
          expect(save).toThrow(StateError);
        if (calls === 0) loading = optimizer.load(file, { only: "params" });
        return [updates, calls + 1];
      },
    ).initSync(tree()) as Optimizer<never>;
    optimizer.step(gradients(0) as never);
    await loading;
    expect(written(optimizer.params)).toBe(written(stepped(update, 5).params));
    expect(optimizer.state[0]).toBe(1);
  });

  it("of another model is refused, whole", async () => {
    const optimizer = stepped(update, 3);
    await expectLoadRefused(
      optimizer as never,
      () => optimizer.load(other),
      CheckpointError,
      /lacks "state\/trace\/trace\/b", .* and 3 more/,
    );
    const bigger = adam().initSync({ ...params(), more: of(1) }) as Optimizer<never>;
    await expectLoadRefused(
      bigger,
      () => bigger.load(adam().initSync(params()).save()),
      CheckpointError,
      /lacks "params\/more"/,
    );
  });
});

describe("with strict: false", () => {
  it("state that a checkpoint lacks begins anew, as its bias correction does", async () => {
    const optimizer = stepped(chain(scaleByAdam(), scale(-0.1)), 50);
    await optimizer.load(other, { strict: false });
    const begun = chain(scaleByAdam(), scale(-0.1)).initSync(stepped(sgd(), 1).snapshot("params"));
    expect(written([optimizer.params, optimizer.state])).toBe(written([begun.params, begun.state]));
    for (const one of [optimizer, begun]) for (let step = 1; step < 9; step++) one.step(gradients(step) as never);
    expect(written([optimizer.params, optimizer.state])).toBe(written([begun.params, begun.state]));
  });

  it.each([
    ["lookahead", lookahead(sgd({ learningRate: 0.5 }), { every: 2 })],
    ["averageParams", chain(sgd({ learningRate: 0.5 }), averageParams({ decay: 0.5, debias: false }))],
  ])("%s begins from the parameters of the checkpoint", async (_name, wrapped) => {
    const saved = stepped(sgd(), 3);
    const zeros = { w: new Float32Array(5), b: new Float32Array(2) };
    const running = stepped(wrapped, 3);
    await running.load(saved.save(), { strict: false });
    const made = [
      running,
      await wrapped.restore<typeof zeros>(saved.save(), zeros, { strict: false }),
      await wrapped.init(zeros, { from: saved }),
    ];
    for (const { state } of made) {
      const [slot] = Object.values(state.at(-1)!);
      expect(written(slot)).toBe(written(saved.params));
    }
  });

  it("a user's state that a checkpoint lacks is there still", async () => {
    const counting = stateful(
      () => ({ calls: 0 }),
      (updates, { calls }) => [updates, { calls: calls + 1 }],
    );
    const optimizer = stepped(chain(counting, sgd()), 2);
    await optimizer.load(other, { strict: false });
    expect(optimizer.step(gradients(0) as never)).toBe(true);
    expect((optimizer.state[0] as unknown as { calls: number }).calls).toBeGreaterThan(0);
    const restored = await chain(counting, sgd()).restore(other, tree(), { strict: false });
    expect(restored.state[0]).toEqual({ calls: 0 });
  });

  it("leaves without anything of theirs in the file stay", async () => {
    const byLeaf = partition({ x: adam(), y: adam() }, (path) => path as "x" | "y");
    const optimizer = byLeaf.initSync({ x: of(1), y: of(2) });
    optimizer.step({ x: of(1), y: of(1) });
    const before = written([optimizer.params.y]);
    const source = byLeaf.initSync({ x: of(5) });
    source.step({ x: of(1) });
    const report = await optimizer.load(source.save(), { strict: false });
    const state = "state/partition/x/scaleByAdam";
    expect(report.carried).toEqual(["params/x", `${state}/mu/x`, `${state}/nu/x`]);
    expect(written([optimizer.params.y])).toBe(before);
    expect(optimizer.params.x).toEqual(source.params.x);
  });
});

describe("leaves of several ages", () => {
  /** y came after five steps. */
  const grownFrom = (rule: lanestep.Update) => {
    const old = rule.initSync({ x: of(1) });
    for (let step = 0; step < 5; step++) old.step({ x: of(step - 2.5) });
    return rule.initSync({ x: of(0), y: of(2) }, { from: old });
  };
  const goOn = (optimizer: Optimizer<{ x: Float32Array; y: Float32Array }>) => {
    for (let step = 0; step < 7; step++) optimizer.step({ x: of(step - 1.5), y: of(2.5 - step) });
    return written([optimizer.params, optimizer.state, optimizer.count]);
  };
  const zeros = () => ({ x: of(0), y: of(0) });

  it.each<[string, lanestep.Update]>([
    ["one group", adam()],
    [
      "groups that share a rule",
      chain(scaleByAdam(), partition({ a: identity(), b: scale(2) }, { x: "a", y: "b" }), scale(-0.1)),
    ],
    [
      "groups that share a rule, the other way round",
      chain(scaleByAdam(), partition({ b: scale(2), a: identity() }, { x: "a", y: "b" }), scale(-0.1)),
    ],
    ["groups of their own", partition({ a: adam(), b: adam() }, { x: "a", y: "b" })],
    ["groups of their own, the other way round", partition({ b: adam(), a: adam() }, { x: "a", y: "b" })],
    [
      "groups behind gates",
      chain(partition({ a: accumulate(adam(), { every: 2 }), b: adam() }, { x: "a", y: "b" }), averageParams()),
    ],
  ])("%s: restore goes on, and load does or refuses", async (_name, rule) => {
    const bytes = grownFrom(rule).save();
    const expected = goOn(grownFrom(rule));
    expect(goOn(await rule.restore(bytes))).toBe(expected);
    expect(goOn(await rule.restore(bytes, zeros()))).toBe(expected);
    const same = grownFrom(rule);
    goOn(same);
    await same.load(bytes);
    expect(goOn(same)).toBe(expected);
    const young = rule.initSync(zeros());
    young.step({ x: of(1), y: of(1) });
    const before = everythingIn(young as never);
    const result = await young.load(bytes).catch((error: unknown) => error);
    if (result instanceof Error) {
      expect(result).toBeInstanceOf(CheckpointError);
      expect(result.message).toMatch(/leaves of different ages .* restore\(bytes, params\) makes a new one/);
      expect(everythingIn(young as never)).toBe(before);
    } else expect(goOn(young)).toBe(expected);
    // And back: one of leaves of one age into one of two.
    const even = rule.initSync(zeros());
    for (let step = 0; step < 3; step++) even.step({ x: of(step), y: of(-step) });
    const grown = grownFrom(rule);
    await grown.load(even.save());
    expect(goOn(grown)).toBe(goOn(even));
  });

  it("another optimizer is taken over as it stands when init is called, whatever it does while the promise waits", async () => {
    const rule = adam({ learningRate: 0.1 });
    const old = rule.initSync({ x: of(1), y: of(2) });
    old.step(zeros());
    const then = rule.initSync(zeros(), { from: old });
    const waiting = rule.init(zeros(), { from: old });
    old.step({ x: of(3), y: of(-1) });
    const made = await waiting;
    expect(written([made.params, made.state, made.count])).toBe(written([then.params, then.state, then.count]));
    expect([made.count, old.count]).toEqual([1, 2]);
  });

  it("restored with more leaves yet, it goes on as init from the saved one does", async () => {
    const more = { ...zeros(), z: numbers(3) };
    for (const rule of [adam(), chain(accumulate(adam(), { every: 3 }), averageParams())]) {
      const grown = grownFrom(rule);
      goOn(grown);
      const [restored, made] = [
        await rule.restore(grown.save(), more, { strict: false }),
        rule.initSync(more, { from: grown }),
      ];
      for (const one of [restored, made])
        for (let step = 0; step < 9; step++) one.step({ ...zeros(), z: numbers(3, step) });
      expect(written([restored.params, restored.state])).toBe(written([made.params, made.state]));
      expect(restored.carried).toEqual(made.carried);
      // A third generation.
      const again = await rule.restore(restored.save());
      for (const one of [restored, again]) one.step({ x: of(1), y: of(2), z: numbers(3, 99) });
      expect(written([again.params, again.state])).toBe(written([restored.params, restored.state]));
    }
  });
});

describe("the first stats() after a restore", () => {
  it.each(Object.keys(chainsOf(lanestep)))("%s: does not throw, and knows the count", async (name) => {
    const example = chainsOf(lanestep)[name]!;
    const { update, before } = example.make();
    const optimizer = update.initSync(params()) as Optimizer<never>;
    run(optimizer, example, before, 0, 9);
    const restored = await update.restore<never>(optimizer.save());
    const fresh = update.initSync(params(), { from: optimizer });
    for (const one of [restored, fresh]) {
      expect(one.stats()).toMatchObject({ count: optimizer.count, skipped: optimizer.stats().skipped });
    }
    expect(heldBy(restored)).toBe(heldBy(optimizer));
    expect(gradientsAt(0)).toEqual(example.gradients(0));
  });
});
