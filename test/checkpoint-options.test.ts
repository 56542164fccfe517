// Options that a checkpoint has, and those of today.

import { describe, expect, it } from "vitest";
import {
  accumulate,
  adam,
  addNoise,
  CheckpointError,
  chain,
  clipByGlobalNorm,
  control,
  lookahead,
  noisySgd,
  partition,
  rmsprop,
  type Scalar,
  scale,
  scaleByAdam,
  scaleBySchedule,
  sgd,
  TreeMismatchError,
  trace,
} from "../src/index.ts";
import { edited, expectLoadRefused, expectRejection, gradients, stepped } from "./support/checkpoint.ts";
import { numbers, written } from "./support/checkpoint-chains.js";

describe("options", () => {
  const rate = control(0.5);
  const saved = () =>
    stepped(
      chain(
        clipByGlobalNorm({ maxNorm: 2, order: Number.POSITIVE_INFINITY }),
        addNoise({ seed: 2n ** 63n, eta: 0 }),
        partition(
          {
            a: chain(trace({ decay: 0.5, nesterov: true }), scale(-0.25)),
            "b/~": accumulate(adam({ b1: 0.5 }), { every: 2, mean: false }),
          },
          { w: "a", b: "b/~" },
        ),
        scaleBySchedule((step) => 1 / (1 + step)),
        sgd({ learningRate: rate }),
      ),
    ).save();
  const today = (schedule: (step: number) => number = () => 1, learningRate: Scalar = 0.25) =>
    chain(
      clipByGlobalNorm({ maxNorm: 3 }),
      addNoise({ seed: 7, eta: 0 }),
      partition(
        { a: chain(trace(), scale(-0.5)), "b/~": accumulate(adam({ b1: (step) => step / (1 + step) }), { every: 3 }) },
        { w: "a", b: "b/~" },
      ),
      scaleBySchedule(schedule),
      sgd({ learningRate }),
    );
  const differences = [
    "clipByGlobalNorm: maxNorm was 2, is 3",
    "clipByGlobalNorm: order was Infinity, is 2",
    "addNoise: seed was 9223372036854775808, is 7",
    "partition/a/trace: decay was 0.5, is 0.9",
    "partition/a/trace: nesterov was true, is false",
    "partition/a/scale: step was -0.25, is -0.5",
    "partition/b~1~0/accumulate: every was 2, is 3",
    "partition/b~1~0/accumulate: mean was false, is true",
    "scaleByLearningRate: learningRate was 0.5, is 0.25",
  ];

  it("that differ are listed, and are today's", async () => {
    const restored = await today().restore(saved());
    expect(restored.carried!.options).toEqual(differences);
    const loaded = stepped(today());
    expect((await loaded.load(saved())).options).toEqual(differences);
    const [first] = restored.internals.program.chain.all;
    expect(first!.options).toEqual({ maxNorm: 3, order: 2 });
  });

  it("that are the same are not", async () => {
    const update = chain(noisySgd({ seed: 5n }), adam({ learningRate: (step) => step }), rmsprop());
    expect(
      (await chain(noisySgd({ seed: 5 }), adam({ learningRate: () => 2 }), rmsprop()).restore(stepped(update).save()))
        .carried!.options,
    ).toEqual([]);
  });

  it("of a function that is a number now, and the other way round", async () => {
    const before = stepped(adam({ learningRate: () => 0.1 })).save();
    expect((await adam({ learningRate: 0.1 }).restore(before)).carried!.options).toEqual([
      "scaleByLearningRate: learningRate was a function, is 0.1",
    ]);
    const after = stepped(adam({ learningRate: 0.1 })).save();
    expect((await adam({ learningRate: () => 0.1 }).restore(after)).carried!.options).toEqual([]);
  });

  it("are the saved ones if that is asked for; functions are today's", async () => {
    const schedule = (step: number) => 2 / (1 + step);
    const restored = await today(schedule).restore(saved(), undefined, { options: "saved" });
    expect(restored.carried!.options).toEqual([]);
    const options = Object.fromEntries(
      restored.internals.program.chain.all.map((rule) => [rule.address, rule.options]),
    );
    expect(options.clipByGlobalNorm).toEqual({ maxNorm: 2, order: Number.POSITIVE_INFINITY });
    expect(options.addNoise).toEqual({ seed: 2n ** 63n, eta: 0, gamma: 0.55 });
    expect(options["partition/a/trace"]).toEqual({ decay: 0.5, nesterov: true });
    expect(options["partition/a/scale"]).toEqual({ step: -0.25 });
    expect(options["partition/b~1~0/accumulate"]).toEqual({ every: 2, mean: false });
    expect(options["partition/b~1~0/scaleByAdam"]).toMatchObject({ b1: 0.5, b2: 0.999 });
    expect(options.scaleBySchedule).toEqual({ schedule });
    expect(options.scaleByLearningRate).toEqual({ learningRate: 0.5 });
    // Saved again they are what they were.
    const again = await today(schedule).restore(restored.save(), undefined, { options: "saved" });
    expect(written(again.save())).toBe(written(restored.save()));
  });

  it("which are the saved ones give the steps that the saved chain would have made", async () => {
    const before = stepped(chain(noisySgd({ seed: 2n ** 60n + 1n, eta: 0.5 }), scaleByAdam({ b1: 0.5 })), 5);
    const options = { options: "saved" } as const;
    const after = await chain(noisySgd(), scaleByAdam()).restore(before.save(), undefined, options);
    for (let step = 5; step < 20; step++) for (const one of [before, after]) one.step(gradients(step) as never);
    expect(written([after.params, after.state])).toBe(written([before.params, before.state]));
  });

  it("that are no such word are refused", async () => {
    const file = stepped(sgd()).save();
    await expectRejection(
      () => sgd().restore(file, undefined, { options: "old" as never }),
      TypeError,
      /options is "old", expected "current" or "saved"/,
    );
    await expectRejection(
      () => sgd().restore(file, undefined, { strict: 1 as never }),
      TypeError,
      /strict is 1, expected true or false/,
    );
    const optimizer = stepped(sgd());
    await expectLoadRefused(
      optimizer as never,
      () => optimizer.load(file, { only: "state" as never }),
      TypeError,
      /only is "state", expected "params"/,
    );
    await expectLoadRefused(
      optimizer as never,
      () => optimizer.load(file, { options: "saved" } as never),
      TypeError,
      /load has no option options/,
    );
  });
});

describe("a control", () => {
  it("goes on with its saved value, in restore and in load", async () => {
    const rate = control(0.5);
    const update = sgd({ learningRate: rate, momentum: rate });
    rate.value = 0.125;
    const optimizer = stepped(update);
    const file = optimizer.save();
    rate.value = 0.75;
    const restored = await update.restore(file);
    expect([rate.value, restored.carried!.options]).toEqual([0.125, []]);
    rate.value = 0.75;
    await optimizer.load(file, { only: "params" });
    expect(rate.value).toBe(0.75);
    await optimizer.load(file);
    expect(rate.value).toBe(0.125);
    rate.value = 0.25; // is still the optimizers' own
    restored.step(gradients(0) as never);
    expect(restored.stats().rate).toBe(0.25);
  });

  it("keeps its value where there was none, or another kind of option", async () => {
    const rate = control(0.5);
    for (const learningRate of [0.1, () => 0.2]) {
      await sgd({ learningRate: rate }).restore(stepped(sgd({ learningRate })).save());
      expect(rate.value).toBe(0.5);
    }
  });

  it("that was saved is taken as a number by an option that is one now, if saved options are asked for", async () => {
    const file = stepped(sgd({ learningRate: control(0.125) })).save();
    const restored = await sgd({ learningRate: 1 }).restore(file, undefined, { options: "saved" });
    restored.step(gradients(0) as never);
    expect(restored.stats().rate).toBe(0.125);
    const current = await sgd({ learningRate: 1 }).restore(file);
    expect(current.carried!.options).toEqual(["scaleByLearningRate: learningRate was 0.125, is 1"]);
  });

  it("keeps its value when the checkpoint is refused, also where a second control is to blame", async () => {
    const [rate, decay] = [control(0.5), control(0.25)];
    const update = sgd({ learningRate: rate, momentum: decay });
    const file = stepped(update).save();
    for (const bad of [-1, null, "x", {}, 1e300, true]) {
      const damaged = edited(file, ({ chain }) => {
        for (const [, options] of chain) {
          if (options.decay) options.decay.control = 0.125;
          if (options.learningRate) options.learningRate.control = bad;
        }
      });
      const optimizer = stepped(update);
      await expectLoadRefused(optimizer as never, () => optimizer.load(damaged), CheckpointError, /./);
      await expectRejection(() => update.restore(damaged), CheckpointError, /./);
      expect([rate.value, decay.value]).toEqual([0.5, 0.25]);
    }
    await expectRejection(() => update.restore(file, { w: numbers(6), b: numbers(2) }), TreeMismatchError, /w/);
    rate.value = 1;
    await expectRejection(() => lookahead(update).restore(file), CheckpointError, /lacks "state\/lookahead\/slow\/b"/);
    expect(rate.value).toBe(1);
  });
});

describe("options of restore", () => {
  it("come third", async () => {
    const bytes = sgd()
      .initSync({ w: Float32Array.of(1) })
      .save();
    for (const options of [{ options: "saved" }, { strict: false, backend: "wasm" }]) {
      const call = sgd().restore(bytes, options as never);
      await expect(call).rejects.toThrow(/^restore takes its options third: restore\(bytes, undefined/);
    }
    expect((await sgd().restore(bytes, null as never)).count).toBe(0);
    await expect(sgd().restore(bytes, undefined, { strct: false } as never)).rejects.toThrow(
      /^restore has no option strct/,
    );
  });
});

describe("a user's own metadata", () => {
  it("comes back, whatever its names are, and is part of no later file by itself", async () => {
    const optimizer = stepped(sgd());
    const metadata = JSON.parse(
      '{ "epoch": "3", "": "", "__proto__": "p", "__metadata__": "m", "é 😀": "\\u0000\\n" }',
    );
    const restored = await sgd().restore(optimizer.save({ metadata }));
    expect(written(restored.carried!.metadata)).toBe(written(metadata));
    expect(written((await optimizer.load(optimizer.save({ metadata }))).metadata)).toBe(written(metadata));
    expect((await sgd().restore(restored.save())).carried!.metadata).toEqual({});
    expect(written(optimizer.save({ metadata: {} }))).toBe(written(optimizer.save()));
    for (const name of ["format", "chain", "host", "tree"]) {
      expect(() => optimizer.save({ metadata: { [name]: "x" } })).toThrow(TypeError);
    }
  });
});
