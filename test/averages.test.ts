// What averages over steps, what remembers, and options that change from step to step: by plain loops.

import { afterEach, describe, expect, it } from "vitest";
import * as lanestep from "../src/index.ts";
import { gradients, of, params, wave } from "./support/models.ts";
import { optionPairs, optionsOf, scalarOptions, withOptions } from "./support/options.ts";
import { BACKENDS, bitsIn, everythingIn, expectError, expectRefusal } from "./support/untouched.ts";

const { accumulate, adam, averageParams, chain, clip, control, ema } = lanestep;
const { lookahead, masked, partition, reduceOnPlateau, scale, sgd } = lanestep;
const { skipNonFinite, stateless, trace, StateError } = lanestep;

type Model = ReturnType<typeof params>;
const rate = (learningRate: number) => sgd({ learningRate });

const wholeOf = (step: number) => gradients(step) as lanestep.Gradients<Model>;

describe.each(BACKENDS)("averages, on %s", (backend) => {
  const xs = [3, -1, 4, 1, -5, 9, 2, 6];

  it.each([true, false])("ema, debias %s: a plain loop", (debias) => {
    const optimizer = ema({ decay: 0.7, debias }).initSync({ w: of(0) }, { backend });
    let [m, p] = [0, 0];
    xs.forEach((x, i) => {
      m = 0.7 * m + 0.3 * x;
      p += debias ? m / (1 - 0.7 ** (i + 1)) : m;
      optimizer.step({ w: of(x) });
      expect(optimizer.params.w[0]).toBeCloseTo(p, 5);
      expect(optimizer.state[0]!.ema!.w[0]).toBeCloseTo(m, 5);
    });
  });

  it.each([1, 2, 3, 6])("lookahead, every %i: a plain loop", (every) => {
    const optimizer = lookahead(rate(0.1), { every, rate: 0.3 }).initSync({ w: of(2) }, { backend });
    let [slow, fast] = [2, 2];
    xs.forEach((x, i) => {
      fast -= 0.1 * x;
      if ((i + 1) % every === 0) {
        slow += 0.3 * (fast - slow);
        fast = slow;
      }
      optimizer.step({ w: of(x) });
      expect(optimizer.params.w[0]).toBeCloseTo(fast, 5);
      expect(optimizer.state.at(-1)!.slow!.w[0]).toBeCloseTo(slow, 5);
    });
  });

  it.each([true, false])("averageParams, debias %s: a plain loop, and updates pass unchanged", (debias) => {
    const make = (update: lanestep.Update) => update.initSync({ w: of(2) }, { backend });
    const [optimizer, plain] = [make(chain(rate(0.1), averageParams({ decay: 0.8, debias }))), make(rate(0.1))];
    expect(optimizer.state[1]!.average!.w[0]).toBe(2);
    const seen: number[] = [];
    let running = 2;
    for (const x of xs) {
      optimizer.step({ w: of(x) });
      plain.step({ w: of(x) });
      expect(optimizer.params).toEqual(plain.params);
      seen.push(plain.params.w[0]!);
      running = 0.8 * running + 0.2 * seen.at(-1)!;
      // Debiased, it is the mean of what was seen, weighted by age.
      const weights = seen.map((_, i) => 0.8 ** (seen.length - 1 - i));
      const mean = seen.reduce((sum, p, i) => sum + weights[i]! * p, 0) / weights.reduce((sum, w) => sum + w, 0);
      expect(optimizer.state[1]!.average!.w[0]).toBeCloseTo(debias ? mean : running, 5);
    }
  });

  it("swapAverage() exchanges them, and back again bit for bit; no step in between", () => {
    const labels = { a: "x", b: "y", c: "off" } as const;
    const update = partition(
      { x: chain(adam(), averageParams({ decay: 0.5 })), y: adam(), off: lanestep.freeze() },
      labels,
    );
    const optimizer = update.initSync({ a: wave(9000), b: wave(5), c: of(7) }, { backend });
    for (let step = 1; step <= 3; step++) optimizer.step({ a: wave(9000, step), b: wave(5, step) } as never);
    const before = everythingIn(optimizer);
    const [{ x }] = optimizer.snapshot("state") as unknown as [{ x: { average: { a: Float32Array } }[] }];
    const views = [optimizer.params.a, optimizer.params.b];
    optimizer.swapAverage();
    expect(bitsIn(optimizer.params.a)).toEqual(bitsIn(x[2]!.average.a));
    expect(bitsIn([optimizer.params.b, optimizer.params.c])).toEqual(before.params.slice(9000));
    expect([optimizer.params.a, optimizer.params.b]).toEqual(views);
    for (const method of ["step", "update", "zeroGrads"] as const) {
      expectError(
        () => optimizer[method](),
        StateError,
        `${method}() while the average stands in the parameters: swapAverage() puts them back`,
      );
    }
    expectError(() => optimizer.apply(), StateError, /needs an update/);
    expect(optimizer.snapshot("params").a).toEqual(x[2]!.average.a);
    optimizer.swapAverage();
    expect(everythingIn(optimizer)).toEqual(before);
    optimizer.update({ a: wave(9000), b: wave(5) } as never);
    expectError(() => optimizer.swapAverage(), StateError, /between update\(\) and apply\(\)/);
  });

  it("swapAverage() where nothing averages is a StateError", () => {
    const optimizer = adam().initSync({ a: of(1) }, { backend });
    const message = "swapAverage() needs averageParams() in the chain, as in chain(adam(), averageParams())";
    expectRefusal(optimizer as lanestep.Optimizer, () => optimizer.swapAverage(), StateError, message);
    optimizer.dispose();
    expectError(() => optimizer.swapAverage(), lanestep.DisposedError, /disposed/);
  });

  it("behind gates they average steps, not parts", () => {
    const optimizer = accumulate(chain(rate(1), averageParams({ decay: 0.5, debias: false })), { every: 2 }).initSync(
      { w: of(0) },
      { backend },
    );
    const averages = [1, 3, 5, 7].map((x) => {
      optimizer.step({ w: of(x) });
      return optimizer.state[2]!.average!.w[0];
    });
    expect(averages).toEqual([0, -1, -1, -4.5]);
  });
});

describe.each(BACKENDS)("reduceOnPlateau, on %s", (backend) => {
  const values = [5, 4, 4, 4.5, 3.99999, 3, 3, 3, 3, 2.9, Number.NaN, 7, 7, 7, Infinity, 1, 1, 1, 1, 1, -3, -3, -3, -5];

  it.each<Required<{ [name in "factor" | "patience" | "cooldown" | "rtol" | "atol" | "minScale"]: number }>>([
    { factor: 0.5, patience: 1, cooldown: 0, rtol: 1e-4, atol: 0, minScale: 0 },
    { factor: 0.5, patience: 2, cooldown: 2, rtol: 0, atol: 0, minScale: 0.1 },
    { factor: 0.1, patience: 3, cooldown: 1, rtol: 0.1, atol: 0.2, minScale: 0.05 },
    { factor: 0, patience: 2, cooldown: 0, rtol: 0, atol: 0, minScale: 0 },
  ])("a plain implementation: %o", (options) => {
    const optimizer = reduceOnPlateau(options).initSync({ w: of(0) }, { backend });
    let [scaleNow, best, plateau, cooling] = [1, Infinity, 0, 0];
    values.forEach((value, i) => {
      // Optax 0.2.8, contrib/_reduce_on_plateau.py: `_update_scale`.
      const improved = value < (1 - options.rtol) * best - options.atol;
      const count = improved ? 0 : plateau + 1;
      if (improved) best = value;
      if (cooling > 0) [plateau, cooling] = [0, cooling - 1];
      else if (count >= options.patience) {
        [plateau, cooling] = [0, options.cooldown];
        scaleNow = Math.max(scaleNow * options.factor, options.minScale);
      } else plateau = count;
      optimizer.params.w[0] = 0;
      optimizer.step({ w: of(1) }, { value });
      expect([i, optimizer.params.w[0]]).toEqual([i, Math.fround(scaleNow)]);
    });
    expect(scaleNow).toBeLessThan(1);
  });

  it("wants a value at each step, as a number; nothing has changed otherwise", () => {
    const optimizer = chain(trace(), reduceOnPlateau(), adam()).initSync(params(), { backend });
    optimizer.step(wholeOf(1), { value: 1 });
    const missing = "reduceOnPlateau wants a value at each step: step(grads, { value: loss })";
    const refused = (action: () => unknown, message: string | RegExp) =>
      expectRefusal(optimizer as lanestep.Optimizer, action, TypeError, message);
    refused(() => optimizer.step(wholeOf(2)), missing);
    refused(() => optimizer.step(), missing);
    refused(() => optimizer.update(wholeOf(2), {}), missing);
    refused(() => optimizer.step(wholeOf(2), { value: "1" as never }), 'step: value is "1", expected a number');
    refused(() => optimizer.step(wholeOf(2), { loss: 1 } as never), /^step has no option loss. It takes value$/);
    refused(() => optimizer.update(wholeOf(2), 1 as never), /^update takes one options object, .*, got 1$/);
    expect(optimizer.step(wholeOf(2), { value: 1 })).toBe(true);
  });

  it("a value for no one is no mistake", () => {
    const optimizer = rate(1).initSync({ w: of(0) }, { backend });
    expect(optimizer.step({ w: of(1) }, { value: 3 })).toBe(true);
    optimizer.grads.w[0] = 1;
    expect(optimizer.step(optimizer.grads, { value: 3 })).toBe(true);
    expect(optimizer.params.w[0]).toBe(-2);
  });

  it("behind a gate it sees the values of whole steps", () => {
    const make = () =>
      accumulate(reduceOnPlateau({ factor: 0.5, patience: 1 }), { every: 2 }).initSync({ w: of(0) }, { backend });
    const optimizer = make();
    for (const value of [9, 1, 0, 1]) optimizer.step({ w: of(1) }, { value });
    expect(optimizer.params.w[0]).toBe(1.5);
  });
});

describe.each(BACKENDS)("the functional form of what remembers, on %s", (backend) => {
  const labels = { dense: { kernel: "x", bias: "y" }, scale: "off" } as const;
  it.each<[name: string, make: () => lanestep.Update]>([
    ["accumulate", () => accumulate(adam(), { every: 2 })],
    ["skipNonFinite", () => skipNonFinite(chain(lookahead(adam(), { every: 2 }), averageParams()))],
    [
      "groups, one of them behind a gate, one frozen",
      () =>
        chain(
          partition({ x: accumulate(adam(), { every: 3 }), y: sgd({ momentum: 0.9 }), off: lanestep.freeze() }, labels),
          ema({ decay: 0.5 }),
        ),
    ],
  ])("%s: the optimizer's bits, and old states can be gone back to", async (_name, make) => {
    const { init, update } = lanestep.functional(make(), { backend });
    const optimizer = make().initSync(params(), { backend });
    let model: lanestep.Plain<Model> = params();
    let state = await init(model);
    for (let step = 1; step <= 7; step++) {
      const given = gradients(step);
      if (step === 3) given.dense.bias[0] = Number.NaN;
      const before = structuredClone([given, state, model] as const);
      const [updates, next] = update(given as never, state, model);
      expect([given, state, model]).toEqual(before);
      // From the same state the same again, whatever has been done between.
      expect(update(given as never, state, model)).toEqual([updates, next]);
      optimizer.update(given as never);
      optimizer.apply();
      const { counts, memories } = optimizer.internals.host;
      expect(next).toEqual({ count: optimizer.count, host: { counts, memories }, rules: optimizer.snapshot("state") });
      [model, state] = [lanestep.applyUpdates(model, updates), next];
      expect(bitsIn(model.dense)).toEqual(bitsIn(optimizer.params.dense));
      expect(model.scale).toBe(optimizer.params.scale[0]);
    }
  });
});

describe.each(BACKENDS)("options that change, on %s", (backend) => {
  const { Module } = WebAssembly;
  afterEach(() => {
    WebAssembly.Module = Module;
  });

  it("are those of every rule that takes numbers", () => {
    const names = new Set(scalarOptions().map(({ name, option }) => `${name} ${option}`));
    const fixed = new Set(["addNoise seed", "clipByGlobalNorm order", "skipNonFinite maxConsecutive"]);
    const flags = /(nesterov|debias|mean)$/;
    const starts = /initial/; // what state begins with
    const others = optionPairs([
      "accumulate",
      "averageParams",
      "ema",
      "lookahead",
      "reduceOnPlateau",
      "skipNonFinite",
      "clipByGlobalNorm",
      "trace",
      "scaleByAdam",
    ])
      .map((pair) => pair.join(" "))
      .filter((pair) => !fixed.has(pair) && !flags.test(pair) && !starts.test(pair));
    for (const pair of others) expect(names).toContain(pair);
    expect(optionsOf("accumulate")).toEqual(["every", "mean"]);
    expect(withOptions("lookahead", { rate: 1 })).toBeInstanceOf(Object);
  });

  it.each(scalarOptions())("$name: $option set from outside links nothing anew", ({ value, make }) => {
    const scalar = control(value);
    const update = chain(
      trace(),
      partition({ x: make(scalar), y: masked(make(scalar), true) }, { dense: "x", scale: "y" }),
    );
    const optimizer = update.initSync(params(), { backend });
    const told = { value: 1 };
    for (let step = 0; step < 4; step++) optimizer.step(wholeOf(step), told);
    optimizer.update(wholeOf(0), told);
    optimizer.apply();
    let made = 0;
    WebAssembly.Module = new Proxy(Module, {
      construct(target, args: ConstructorParameters<typeof Module>) {
        made++;
        return new target(...args);
      },
    });
    scalar.value = Number.isInteger(value) ? value + 1 : value / 2;
    for (let step = 0; step < 7; step++) optimizer.step(wholeOf(step), told);
    optimizer.update(wholeOf(0), told);
    optimizer.apply();
    expect(made).toBe(0);
  });

  it("a schedule behind a gate is asked with its steps", () => {
    const clipped = skipNonFinite(chain(clip({ delta: (step) => step + 1 }), scale(-1))).initSync(
      { w: of(0) },
      { backend },
    );
    for (const x of [10, Number.NaN, 10, Number.NaN, Number.NaN, 10]) clipped.step({ w: of(x) });
    expect(clipped.params.w[0]).toBe(-6);
  });

  it("a function that takes part only now and then", () => {
    let calls = 0;
    const rule = stateless<{ b: Float32Array }>((updates) => {
      calls++;
      return updates;
    });
    const update = partition({ x: rate(1), y: accumulate(chain(rule, rate(1)), { every: 3 }) }, { a: "x", b: "y" });
    const optimizer = update.initSync({ a: of(0), b: of(0) }, { backend });
    for (let part = 0; part < 6; part++) optimizer.step({ a: of(1), b: of(3) });
    expect([calls, optimizer.params]).toEqual([2, { a: of(-6), b: of(-6) }]);
  });
});
