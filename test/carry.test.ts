// init(params, { from }): what goes on, what begins anew, and what the optimizer that it goes on from keeps.

import { describe, expect, it } from "vitest";
import * as lanestep from "../src/index.ts";
import { of, wave } from "./support/models.ts";
import { BACKENDS, bitsIn, everythingIn } from "./support/untouched.ts";

const { accumulate, adam, addNoise, averageParams, chain, clipByGlobalNorm, ema, freeze, lookahead, partition } =
  lanestep;
const { reduceOnPlateau, scale, scaleByAdam, scaleByRadam, scaleBySchedule, sgd, skipNonFinite, stateful, trace } =
  lanestep;

const STEPS = 7;
const shapeOf = (optimizer: unknown) => (optimizer as lanestep.Optimizer).internals.program.layout;

/** What a fresh leaf needs its own count for: bias corrections, choices between loops, averages, phases. */
const counting: Readonly<Record<string, () => lanestep.Update>> = {
  adam: () => adam({ learningRate: 0.1 }),
  yogi: () => lanestep.yogi(),
  adamax: () => lanestep.adamax(),
  adabelief: () => lanestep.adabelief(),
  radam: () => chain(scaleByRadam({ b2: 0.9 }), scale(-0.1)),
  ema: () => chain(ema({ decay: 0.9 }), scale(-0.1)),
  "adam behind a gate": () => skipNonFinite(chain(trace(), adam({ learningRate: 0.1 }))),
  "lookahead and an average": () =>
    chain(lookahead(adam({ learningRate: 0.1 }), { every: 3 }), averageParams({ decay: 0.9 })),
};

describe.each(BACKENDS)("a model that has grown, on %s", (backend) => {
  const old = () => ({ dense: { kernel: wave(12), bias: wave(3) } });
  const grads = (step: number) => ({ dense: { kernel: wave(12, step), bias: wave(3, 2 * step) } });
  const fresh = () => wave(5, 9);
  const freshGrads = (step: number) => wave(5, 3 * step);

  it.each(Object.entries(counting))(
    "%s: old leaves go on bit for bit, a new one begins its own count",
    async (_name, make) => {
      const [from, goesOn] = [1, 2].map(() => make().initSync(old(), { backend }));
      for (let step = 0; step < STEPS; step++) for (const one of [from!, goesOn!]) one.step(grads(step));
      const before = everythingIn(from as lanestep.Optimizer);
      const grown = await make().init({ ...old(), adapter: fresh() }, { backend, from: from! });
      const alone = make().initSync({ adapter: fresh() }, { backend });
      expect([grown.count, bitsIn(grown.params.dense)]).toEqual([STEPS, bitsIn(from!.params)]);
      for (let step = STEPS; step < 3 * STEPS; step++) {
        grown.step({ ...grads(step), adapter: freshGrads(step) });
        goesOn!.step(grads(step));
        alone.step({ adapter: freshGrads(step) });
        expect(bitsIn(grown.params.dense)).toEqual(bitsIn(goesOn!.params));
        expect(bitsIn(grown.params.adapter)).toEqual(bitsIn(alone.params));
      }
      expect(everythingIn(from as lanestep.Optimizer)).toEqual(before);
      from!.step(grads(STEPS));
      expect(from!.count).toBe(STEPS + 1);
    },
  );

  it("again and again: every leaf keeps the age that it has", () => {
    const update = adam({ learningRate: 0.1 });
    const names = ["a", "b", "c", "d"];
    const alone = names.map((name, i) => update.initSync({ [name]: wave(4, i) }, { backend }));
    let optimizer: lanestep.Optimizer<Record<string, Float32Array>> | undefined;
    names.forEach((_, last) => {
      const tree = Object.fromEntries(names.slice(0, last + 1).map((name, i) => [name, wave(4, i)]));
      optimizer = update.initSync(tree, { backend, ...(optimizer ? { from: optimizer } : {}) });
      for (let step = 0; step < 3; step++) {
        const grads = Object.fromEntries(names.slice(0, last + 1).map((name, i) => [name, wave(4, i + last + step)]));
        optimizer.step(grads);
        alone.slice(0, last + 1).forEach((one, i) => void one.step({ [names[i]!]: grads[names[i]!]! } as never));
      }
      alone.slice(0, last + 1).forEach((one, i) => {
        expect(bitsIn(optimizer!.params[names[i]!])).toEqual(bitsIn(one.params));
      });
    });
    expect(optimizer!.count).toBe(12);
  });

  it("a changed shape begins anew, with its own numbers; the lists say what became of each name", () => {
    const from = adam().initSync({ head: { shape: [2, 3] }, body: of(1, 2), gone: of(5) }, { backend });
    for (let step = 0; step < 3; step++) from.step({ head: wave(6, step), body: wave(2, step), gone: of(1) });
    const head = { data: wave(6, 7), shape: [3, 2] };
    const optimizer = adam().initSync({ head, body: of(0, 0), more: 4 }, { backend, from });
    expect(optimizer.params.body).toEqual(from.params.body);
    expect(optimizer.params.head).toEqual(wave(6, 7));
    expect(optimizer.params.more).toEqual(of(4));
    expect(bitsIn(optimizer.state[0]!.mu!.head)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(optimizer.state[0]!.mu!.body).toEqual(from.state[0]!.mu!.body);
    const sorted = (names: readonly string[]) => [...names].sort();
    const { carried, fresh, dropped, options } = optimizer.carried!;
    expect(sorted(carried)).toEqual(["params/body", "state/scaleByAdam/mu/body", "state/scaleByAdam/nu/body"]);
    const state = (path: string) => [`state/scaleByAdam/mu/${path}`, `state/scaleByAdam/nu/${path}`];
    expect(sorted(fresh)).toEqual(sorted(["params/head", "params/more", ...state("head"), ...state("more")]));
    expect(sorted(dropped)).toEqual(sorted(["params/gone", "params/head", ...state("gone"), ...state("head")]));
    expect(options).toEqual([]);
    expect(from.carried).toBeNull();
  });

  it("nothing in common: everything is fresh, and counts go on", () => {
    const from = adam().initSync({ a: of(1) }, { backend });
    for (let step = 0; step < 3; step++) from.step({ a: of(1) });
    const optimizer = adam({ learningRate: 1 }).initSync({ b: of(1) }, { backend, from });
    const alone = adam({ learningRate: 1 }).initSync({ b: of(1) }, { backend });
    for (const one of [optimizer, alone]) one.step({ b: of(2) });
    expect([optimizer.params, optimizer.count]).toEqual([alone.params, 4]);
  });

  it("schedules and noise go on with the step, for new leaves too", () => {
    const seen: number[] = [];
    const make = () =>
      chain(
        addNoise({ seed: 3 }),
        scaleBySchedule((step) => {
          seen.push(step);
          return 1;
        }),
      );
    const from = make().initSync({ a: of(0) }, { backend });
    const both = make().initSync({ a: of(0), b: of(0) }, { backend });
    for (let step = 0; step < 3; step++) {
      from.step({ a: of(1) });
      both.step({ a: of(1), b: of(0) });
    }
    const optimizer = make().initSync({ a: of(0), b: both.params.b.slice() }, { backend, from });
    seen.length = 0;
    for (const one of [optimizer, both]) one.step({ a: of(1), b: of(1) });
    expect(optimizer.params).toEqual(both.params);
    expect(new Set(seen)).toEqual(new Set([3]));
  });

  it("after 64 steps in all, not of its own, the smallest numbers of state are zero", () => {
    const update = trace({ decay: 1 });
    const from = update.initSync({ w: of(0) }, { backend });
    for (let step = 0; step < 60; step++) from.step();
    const optimizer = update.initSync({ w: of(0) }, { backend, from });
    optimizer.state[0]!.trace!.w[0] = 2 ** -101;
    for (let step = 60; step < 64; step++) {
      expect(optimizer.state[0]!.trace!.w[0]).toBe(2 ** -101);
      optimizer.step();
    }
    expect(optimizer.state[0]!.trace!.w[0]).toBe(0);
  });
});

describe.each(BACKENDS)("another chain, on %s", (backend) => {
  const tree = () => ({ a: wave(4), b: wave(2, 5) });
  const grads = (step: number) => ({ a: wave(4, step), b: wave(2, 2 * step) });
  const stepped = (update: lanestep.Update, steps = STEPS) => {
    const optimizer = update.initSync(tree(), { backend });
    for (let step = 0; step < steps; step++) optimizer.step(grads(step), { value: step });
    return optimizer;
  };

  it("rules of the same name keep their state, others begin or are left behind", () => {
    const from = stepped(chain(trace(), scaleByAdam(), trace(), scale(-0.1)));
    const next = chain(clipByGlobalNorm(), scaleByAdam(), trace(), ema({ decay: 0.5 }), scale(-0.1));
    const optimizer = next.initSync(tree(), { backend, from });
    expect(optimizer.state[1]).toEqual(from.state[1]);
    expect(optimizer.state[2]).toEqual(from.state[0]);
    expect(bitsIn(optimizer.state[3]).every((x) => x === 0)).toBe(true);
    const { fresh, dropped } = optimizer.carried!;
    expect(fresh).toEqual(["state/ema/ema/a", "state/ema/ema/b"]);
    expect([...dropped].sort()).toEqual(["state/trace#2/trace/a", "state/trace#2/trace/b"]);
  });

  it.each<[name: string, make: () => lanestep.Update, slot: string]>([
    ["averageParams", () => averageParams({ decay: 0.5 }), "average"],
    ["lookahead", () => lookahead(lanestep.identity(), { every: 2 }), "slow"],
  ])(
    "%s that is new begins with the parameters that are carried, not with those that were given",
    (_name, make, slot) => {
      const from = stepped(sgd({ learningRate: 0.1 }));
      const zeros = { a: { shape: [4] }, b: { shape: [2] } };
      const optimizer = chain(sgd({ learningRate: 0.1 }), make()).initSync(zeros, { backend, from });
      expect(optimizer.params).toEqual(from.params);
      expect(optimizer.state[1]![slot]).toEqual(from.params);
    },
  );

  it("a user's state that is new is made of the parameters that are carried", () => {
    const from = stepped(sgd({ learningRate: 0.1 }));
    const rule = stateful<{ a: Float32Array }, number>(
      ({ a }) => a[1]!,
      (updates, state) => [updates, state],
    );
    const optimizer = chain(sgd({ learningRate: 0.1 }), rule).initSync(
      { a: { shape: [4] }, b: { shape: [2] } },
      { backend, from },
    );
    expect(optimizer.state[1]).toBe(from.params.a[1]);
  });

  it("a user's state goes on, as a copy", () => {
    const rule = () =>
      stateful<unknown, { calls: number; seen: number[] }>(
        () => ({ calls: 0, seen: [] }),
        (updates, { calls, seen }) => [updates, { calls: calls + 1, seen: [...seen, calls] }],
      );
    const from = stepped(rule(), 2);
    const optimizer = rule().initSync(tree(), { backend, from });
    (from.state[0] as unknown as { seen: number[] }).seen.push(99);
    optimizer.step(grads(0));
    expect(optimizer.state[0]).toEqual({ calls: 3, seen: [0, 1, 2] });
  });

  it("what a plateau remembers goes on", () => {
    const make = () => chain(reduceOnPlateau({ factor: 0.5, patience: 1 }), scale(-1));
    const [from, goesOn] = [stepped(make()), stepped(make())];
    const optimizer = make().initSync(tree(), { backend, from });
    for (const one of [optimizer, goesOn]) one.step(grads(1), { value: 0 });
    expect(bitsIn(optimizer.params)).toEqual(bitsIn(goesOn.params));
  });

  it("the bits of a run that was not interrupted, for chains of all kinds", () => {
    const chains: (() => lanestep.Update)[] = [
      () => chain(clipByGlobalNorm(), adam(), averageParams()),
      () => accumulate(lookahead(adam(), { every: 2 }), { every: 3 }),
      () =>
        chain(
          trace(),
          skipNonFinite(chain(addNoise(), reduceOnPlateau({ patience: 1 }), accumulate(adam(), { every: 2 }))),
        ),
      () =>
        partition({ a: accumulate(adam(), { every: 2 }), b: chain(ema({ decay: 0.5 }), adam()) }, { a: "a", b: "b" }),
    ];
    for (const make of chains) {
      // In the middle of a sum of gradients, too.
      for (const steps of [1, 2, 3, 4, 5, 6]) {
        const goesOn = stepped(make(), steps);
        const optimizer = make().initSync(tree(), { backend, from: stepped(make(), steps) });
        expect(optimizer.carried!.fresh).toEqual([]);
        for (let step = steps; step < steps + 7; step++) {
          for (const one of [optimizer, goesOn]) one.step(grads(step), { value: step % 3 });
          expect([bitsIn(optimizer.params), optimizer.snapshot("state"), optimizer.count]).toEqual([
            bitsIn(goesOn.params),
            goesOn.snapshot("state"),
            goesOn.count,
          ]);
        }
      }
    }
  });

  it("a gate put around the chain, and taken away: the rules in it go on", () => {
    const inner = () => adam({ learningRate: (step) => 0.1 / (1 + step) });
    const from = stepped(inner());
    const gated = accumulate(inner(), { every: 2 }).initSync(tree(), { backend, from });
    expect(gated.step(grads(STEPS))).toBe(false);
    expect(gated.step(grads(STEPS))).toBe(true);
    from.step(grads(STEPS));
    expect([gated.params, gated.count]).toEqual([from.params, STEPS + 1]);
    const again = inner().initSync(tree(), { backend, from: gated });
    for (const one of [again, from]) one.step(grads(1));
    expect([again.params, again.count]).toEqual([from.params, STEPS + 2]);
  });
});

describe.each(BACKENDS)("groups, on %s", (backend) => {
  const tree = () => ({ body: { w: wave(4) }, head: { w: wave(3, 5) } });
  const grads = (step: number) => ({ body: { w: wave(4, step) }, head: { w: wave(3, 2 * step) } });
  const tuned = (body: "on" | "off") =>
    chain(
      clipByGlobalNorm({ maxNorm: 100 }),
      partition({ on: adam({ learningRate: 0.1 }), off: freeze() }, { body, head: "on" }),
    );

  it("unfreezing: the frozen leaves keep their numbers and begin their own count; others go on bit for bit", () => {
    const [from, goesOn] = [1, 2].map(() => tuned("off").initSync(tree(), { backend }));
    for (let step = 0; step < STEPS; step++) for (const one of [from!, goesOn!]) one.step(grads(step) as never);
    const optimizer = tuned("on").initSync(
      { body: { w: { shape: [4] } }, head: { w: { shape: [3] } } },
      { backend, from: from! },
    );
    expect(optimizer.params).toEqual(from!.params);
    const alone = adam({ learningRate: 0.1 }).initSync(tree().body, { backend });
    for (let step = STEPS; step < 2 * STEPS; step++) {
      optimizer.step(grads(step));
      goesOn!.step(grads(step) as never);
      alone.step(grads(step).body);
      expect(bitsIn(optimizer.params.head)).toEqual(bitsIn(goesOn!.params.head));
      expect(bitsIn(optimizer.params.body)).toEqual(bitsIn(alone.params));
    }
    expect(optimizer.carried!.fresh).toEqual([
      "state/partition/on/scaleByAdam/mu/body/w",
      "state/partition/on/scaleByAdam/nu/body/w",
    ]);
  });

  it("unfreezing with one update, whose labels have changed", () => {
    let body: "on" | "off" = "off";
    const update = partition({ on: adam(), off: freeze() }, (path) => (path.startsWith("body") ? body : "on"));
    const from = update.initSync(tree(), { backend });
    from.step(grads(1) as never);
    body = "on";
    const optimizer = update.initSync(tree(), { backend, from });
    optimizer.step(grads(2));
    expect(optimizer.params.body.w).not.toEqual(tree().body.w);
  });

  it("freezing: the state is left behind", () => {
    const from = tuned("on").initSync(tree(), { backend });
    for (let step = 0; step < 3; step++) from.step(grads(step));
    const optimizer = tuned("off").initSync(tree(), { backend, from });
    expect([...optimizer.carried!.dropped].sort()).toEqual([
      "state/partition/on/scaleByAdam/mu/body/w",
      "state/partition/on/scaleByAdam/nu/body/w",
    ]);
    expect(optimizer.params).toEqual(from.params);
  });

  it("a leaf that moves to another group begins anew there", () => {
    const update = (head: "x" | "y") =>
      partition({ x: chain(scaleByAdam(), scale(-0.1)), y: chain(scaleByAdam(), scale(-0.2)) }, { body: "x", head });
    const from = update("x").initSync(tree(), { backend });
    for (let step = 0; step < 3; step++) from.step(grads(step));
    const optimizer = update("y").initSync(tree(), { backend, from });
    const alone = chain(scaleByAdam(), scale(-0.2)).initSync(from.snapshot("params").head, { backend });
    for (let step = 0; step < 3; step++) {
      optimizer.step(grads(step));
      alone.step(grads(step).head);
    }
    expect(bitsIn(optimizer.params.head)).toEqual(bitsIn(alone.params));
  });

  it("groups that wait differently in front of one rule: each leaf keeps its own count", () => {
    for (const [slow, fast] of [
      ["body", "head"],
      ["head", "body"],
    ] as const) {
      const make = () =>
        chain(
          partition(
            { slow: accumulate(lanestep.identity(), { every: 3 }), fast: lanestep.identity() },
            { [slow]: "slow", [fast]: "fast" },
          ),
          adam({ learningRate: 0.1 }),
        );
      const [from, goesOn] = [1, 2].map(() => make().initSync(tree(), { backend }));
      for (let step = 0; step < STEPS; step++) for (const one of [from!, goesOn!]) one.step(grads(step));
      const optimizer = make().initSync(tree(), { backend, from: from! });
      for (let step = 0; step < STEPS; step++) {
        for (const one of [optimizer, goesOn!]) one.step(grads(step));
        expect(bitsIn(optimizer.params)).toEqual(bitsIn(goesOn!.params));
      }
    }
  });

  it("new leaves behind a gate, in groups of their own", () => {
    const make = () =>
      accumulate(
        partition({ x: adam({ learningRate: 0.1 }), y: chain(ema({ decay: 0.5 }), scale(-1)) }, (path) =>
          path.startsWith("body") ? "x" : "y",
        ),
        { every: 2 },
      );
    const from = make().initSync(tree(), { backend });
    for (let step = 0; step < 6; step++) from.step(grads(step));
    const added = { body: { w: wave(4), v: wave(2) }, head: { w: wave(3, 5), v: wave(2, 1) } };
    const optimizer = make().initSync(added, { backend, from });
    const alone = make().initSync({ body: { v: wave(2) }, head: { v: wave(2, 1) } }, { backend });
    for (let step = 0; step < 6; step++) {
      const [body, head] = [wave(2, step), wave(2, 3 * step)];
      optimizer.step({ body: { ...grads(step).body, v: body }, head: { ...grads(step).head, v: head } });
      from.step(grads(step));
      alone.step({ body: { v: body }, head: { v: head } });
      expect(bitsIn([optimizer.params.body.w, optimizer.params.head.w])).toEqual(bitsIn(from.params));
      expect(bitsIn([optimizer.params.body.v, optimizer.params.head.v])).toEqual(bitsIn(alone.params));
    }
    expect(shapeOf(optimizer).groups).toHaveLength(4);
  });
});
