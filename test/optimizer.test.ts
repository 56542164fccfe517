// What an optimizer promises: who may change what, whose turn it is, users' rules, trees of any form, the functional form.

import { describe, expect, expectTypeOf, it } from "vitest";
import * as lanestep from "../src/index.js";
import { scalarOptions } from "./support/options.js";
import { BACKENDS, type Backend, bitsIn, everythingIn, expectError, expectRefusal } from "./support/untouched.js";

const { adam, adamw, addNoise, applyUpdates, centralize, chain, clipByGlobalNorm, control, functional } = lanestep;
const { lamb, radam, rmsprop, scale, scaleByAdam, scaleBySchedule, sgd, stateful, stateless, trace } = lanestep;
const { DisposedError, StateError } = lanestep;

const of = (...values: number[]) => Float32Array.of(...values);
const wave = (length: number, phase = 0) => Float32Array.from({ length }, (_, i) => Math.sin(i + phase));

const params = () => ({ dense: { kernel: { data: wave(12), shape: [3, 4] }, bias: wave(5) }, scale: 0.5 });
const gradients = (step: number) => ({ dense: { kernel: wave(12, step), bias: wave(5, 2 * step) }, scale: -step });
type Tree = { dense: { kernel: Float32Array; bias: Float32Array }; scale: Float32Array };

/** Halves the updates in place. */
const half = stateless<Tree>((updates) => {
  for (const leaf of [updates.dense.kernel, updates.dense.bias, updates.scale])
    leaf.forEach((x, i) => (leaf[i] = x / 2));
  return updates;
});
const chains: Readonly<Record<string, () => lanestep.Update>> = {
  adamw: () => chain(clipByGlobalNorm(), adamw({ decay: 0.1 })),
  lamb: () => lamb({ decay: 0.01 }),
  "radam behind row means": () => chain(centralize(), radam()),
  "rmsprop with momentum": () => rmsprop({ centered: true, momentum: 0.9, nesterov: true }),
  "noise between norms": () => chain(clipByGlobalNorm(), addNoise(), clipByGlobalNorm(), scale(-1)),
  "a user's rule in the middle": () => chain(scaleByAdam(), half, trace(), half, scale(-0.1)),
};

describe.each(BACKENDS)("who may change what, on %s", (backend) => {
  describe.each(Object.entries(chains))("%s", (_, make) => {
    it("step() never changes gradients; update() leaves the updates there; the two ways give the same bits", () => {
      const whole = make().initSync(params(), { backend });
      const halves = make().initSync(params(), { backend });
      for (let step = 1; step <= 70; step++) {
        const given = gradients(step);
        expect(whole.step(given)).toBe(true);
        expect(given).toEqual(gradients(step));
        const [a, b] = [everythingIn(whole), everythingIn(halves)];
        expect(halves.update(given)).toBe(halves.grads);
        const between = everythingIn(halves);
        expect(between).toMatchObject({ params: b.params, count: step - 1, turn: "apply" });
        expect(between.grads).not.toEqual(a.grads);
        const sum = applyUpdates(halves.snapshot("params"), halves.grads);
        halves.apply();
        expect(bitsIn(halves.params)).toEqual(bitsIn(sum));
        expect(bitsIn(whole.grads)).toEqual(bitsIn([given.dense.kernel, given.dense.bias, of(given.scale)]));
        expect(everythingIn(halves)).toEqual({ ...everythingIn(whole), grads: between.grads, count: step });
      }
    });
  });

  it("gradients written into the views, and given again in pieces of them", () => {
    const optimizer = sgd({ learningRate: 1 }).initSync({ a: { shape: [16] }, b: { shape: [16] } }, { backend });
    const given = { a: wave(16), b: wave(16, 1) };
    const both = new Float32Array(optimizer.grads.a.buffer, optimizer.grads.a.byteOffset, 32);
    for (const [a, b] of [
      [both.subarray(16), both.subarray(0, 16)],
      [both.subarray(4, 20), both.subarray(0, 16)],
    ]) {
      both.set([...given.a, ...given.b]);
      const expected = { a: a!.slice(), b: b!.slice() };
      optimizer.step({ a: a!, b: b! });
      expect(optimizer.snapshot("grads")).toEqual(expected);
    }
  });

  it("gradients from parameters, from another optimizer of the same memory, and from itself", () => {
    const [one, other] = [1, 2].map(() => scale(-1).initSync({ a: wave(20), b: wave(3) }, { backend }));
    one!.step(one!.params);
    expect(one!.params).toEqual({ a: new Float32Array(20), b: new Float32Array(3) });
    other!.grads.a.set(wave(20, 3));
    one!.step(other!.grads);
    expect([one!.grads, other!.params]).toEqual([other!.grads, { a: wave(20), b: wave(3) }]);
    one!.step({ ...one!.grads });
    expect(one!.grads).toEqual(other!.grads);
  });

  it("the caller's trees are copied, and trees of views keep their views", () => {
    const mine = { w: of(1, 2), list: [of(3)] };
    const optimizer = adam().initSync(mine, { backend });
    mine.w.fill(9);
    expect(optimizer.snapshot("params")).toEqual({ w: of(1, 2), list: [of(3)] });
    const trees = [optimizer.params, optimizer.grads, optimizer.state[0]!.mu] as unknown as (typeof mine)[];
    for (const tree of trees) {
      expect(() => Object.assign(tree, { w: of(5, 6) })).toThrow(TypeError);
      expect(() => tree.list.push(of(1))).toThrow(TypeError);
    }
    expect(optimizer.snapshot("params")).toEqual(optimizer.params);
  });

  it("what the caller writes into parameters and state counts", () => {
    const optimizer = trace({ decay: 0.5 }).initSync({ w: of(0) }, { backend });
    optimizer.params.w[0] = 10;
    optimizer.state[0]!.trace!.w[0] = 4;
    optimizer.grads.w[0] = 1;
    optimizer.step();
    expect([optimizer.params.w[0], optimizer.state[0]!.trace!.w[0]]).toEqual([13, 3]);
    optimizer.update();
    optimizer.grads.w[0] = -13;
    optimizer.apply();
    expect(optimizer.params.w[0]).toBe(0);
    optimizer.zeroGrads();
    expect(optimizer.grads.w[0]).toBe(0);
  });

  it("snapshot() is detached from the arena", () => {
    const optimizer = chains.adamw!().initSync(params(), { backend });
    optimizer.step(gradients(1));
    const taken = [optimizer.snapshot("params"), optimizer.snapshot("grads"), optimizer.snapshot("state")];
    expect(taken).toEqual([optimizer.params, optimizer.grads, optimizer.state]);
    const copy = structuredClone(taken);
    optimizer.step(gradients(2));
    expect(taken).toEqual(copy);
    const before = everythingIn(optimizer);
    const { kernel } = optimizer.snapshot("params").dense;
    expect(kernel.buffer.byteLength).toBe(12 * 4);
    structuredClone(kernel, { transfer: [kernel.buffer] });
    optimizer.snapshot("grads").dense.bias.fill(7);
    expect(everythingIn(optimizer)).toEqual(before);
  });

  it("writeTo() writes into arrays, lists and numbers", () => {
    const make = () => ({ a: of(1, 2), b: Float64Array.of(3), c: { data: [4, 5], shape: [2] }, d: 6, e: [7, of(8)] });
    const optimizer = scale(1).initSync(make(), { backend });
    optimizer.step({ a: of(1, 1), b: 1, c: of(1, 1), d: 1, e: [1, 1] });
    const tree = make();
    const { a, c } = tree;
    optimizer.writeTo(tree);
    expect(tree).toEqual({ a: of(2, 3), b: Float64Array.of(4), c: { data: [5, 6], shape: [2] }, d: 7, e: [8, of(9)] });
    expect([tree.a, tree.c]).toEqual([a, c]);
    expectError(
      () =>
        scale(1)
          .initSync(5, { backend })
          .writeTo(5 as never),
      TypeError,
      /"tree" is a number/,
    );
  });

  it("one update serves many models, one control many optimizers; a failed init leaves them usable", () => {
    const rate = control(1);
    const update = sgd({ learningRate: rate });
    expect(() => update.initSync({ w: "1" }, { backend })).toThrow(TypeError);
    const models = [
      update.initSync({ w: of(0) }, { backend }),
      update.initSync([of(0, 0), of(0)], { backend }),
    ] as const;
    models[0].step({ w: of(1) });
    rate.value = 2;
    models[0].step({ w: of(1) });
    models[1].step([of(1, 2), of(3)]);
    expect(models.map((model) => model.params)).toEqual([{ w: of(-3) }, [of(-2, -4), of(-6)]]);
    expect(models.map(({ count }) => count)).toEqual([2, 1]);
  });

  it.each(scalarOptions())("$name: $option as a schedule, as a control and as a number: the same bits", (rule) => {
    const forms = [rule.value, () => rule.value, control(rule.value)];
    const results = forms.map((scalar) => {
      const optimizer = chain(rule.make(scalar), scale(-0.5)).initSync(params(), { backend });
      for (let step = 1; step <= 3; step++) optimizer.step(gradients(step));
      return everythingIn(optimizer);
    });
    expect(results.slice(1)).toEqual([results[0], results[0]]);
  });
});

describe.each(BACKENDS)("whose turn it is, on %s", (backend) => {
  const ready = () => chains.adamw!().initSync(params(), { backend });

  it("apply() without update(), and all else between the two, is a StateError", () => {
    const optimizer = ready();
    const early = "apply() needs an update() before it; step() does both";
    expectRefusal(optimizer, () => optimizer.apply(), StateError, early);
    optimizer.step(gradients(1));
    expectRefusal(optimizer, () => optimizer.apply(), StateError, early);
    optimizer.update(gradients(2));
    for (const method of ["step", "update", "zeroGrads"] as const) {
      const late = `${method}() between update() and apply(): grads holds updates that wait for apply()`;
      expectRefusal(optimizer, () => optimizer[method](gradients(3)), StateError, late);
    }
    optimizer.apply();
    expectRefusal(optimizer, () => optimizer.apply(), StateError, early);
    expect(optimizer.count).toBe(2);
  });

  it.each(["step", "update", "apply", "zeroGrads"] as const)("%s() from inside a step is a StateError", (method) => {
    let inside = true;
    const again = (): void => {
      if (inside) optimizer[method]();
    };
    const rule = stateless<Tree>((updates) => (again(), updates));
    const schedule = scaleBySchedule(() => (again(), -1));
    let optimizer: lanestep.Optimizer;
    for (const last of [rule, schedule]) {
      optimizer = chain(scaleByAdam(), half, last).initSync(params(), { backend });
      expectRefusal(optimizer, () => optimizer.step(), StateError, method === "apply" ? /^apply\(\)/ : /inside/);
      expectRefusal(optimizer, () => optimizer.update(), StateError, method === "apply" ? /^apply\(\)/ : /inside/);
    }
    inside = false;
    expect(optimizer!.step()).toBe(true);
  });

  it("everything after dispose() is a DisposedError; views keep their numbers", () => {
    for (const end of ["dispose", Symbol.dispose] as const) {
      const optimizer = ready();
      const { params: views, count } = optimizer;
      const numbers = bitsIn(views);
      optimizer.update(gradients(1));
      optimizer[end]();
      optimizer.dispose();
      const all = ["params", "grads", "state"] as const;
      for (const name of all) expectError(() => optimizer[name], DisposedError, /disposed/);
      for (const name of all) expectError(() => optimizer.snapshot(name), DisposedError, /disposed/);
      for (const name of ["step", "update", "apply", "zeroGrads"] as const) {
        expectError(() => optimizer[name](), DisposedError, /disposed/);
      }
      expectError(() => optimizer.writeTo(params()), DisposedError, /disposed/);
      for (let i = 0; i < 10; i++) ready().step(gradients(i));
      expect(bitsIn(views)).toEqual(numbers);
      expect([optimizer.count, optimizer.backend.name]).toEqual([count, backend]);
    }
  });
});
