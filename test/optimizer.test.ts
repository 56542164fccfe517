// What an optimizer promises: who may change what, whose turn it is, users' rules, trees of any form, the functional form.

import { describe, expect, expectTypeOf, it } from "vitest";
import * as lanestep from "../src/index.ts";
import { chains, counted, gradients, half, of, params, type Tree, wave } from "./support/models.ts";
import { scalarOptions } from "./support/options.ts";
import { double, trees } from "./support/trees.ts";
import { BACKENDS, bitsIn, everythingIn, expectError, expectRefusal } from "./support/untouched.ts";

const { adam, applyUpdates, centralize, chain, clipByGlobalNorm, control, functional, rmsprop, scale } = lanestep;
const { scaleByAdam, scaleBySchedule, sgd, stateful, stateless, trace } = lanestep;
const { DisposedError, StateError, TreeMismatchError } = lanestep;

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

  it("gradients in pieces of the optimizer's own views", () => {
    const optimizer = sgd({ learningRate: 1 }).initSync({ a: { shape: [16] }, b: { shape: [16] } }, { backend });
    const both = new Float32Array(optimizer.grads.a.buffer, optimizer.grads.a.byteOffset, 32);
    for (const begin of [16, 4]) {
      both.set([...wave(16), ...wave(16, 1)]);
      const pieces = { a: both.subarray(begin, begin + 16), b: both.subarray(0, 16) };
      const expected = { a: pieces.a.slice(), b: pieces.b.slice() };
      optimizer.step(pieces);
      expect(optimizer.grads).toEqual(expected);
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
    const { kernel, bias } = optimizer.snapshot("params").dense;
    structuredClone(kernel, { transfer: [kernel.buffer] });
    bias.fill(7);
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
      for (let step = 1; step <= 6; step++) optimizer.step(gradients(step), { value: 1 });
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
    const again = <T>(result: T): T => {
      if (inside) optimizer[method]();
      return result;
    };
    let optimizer: lanestep.Optimizer;
    for (const last of [stateless<Tree>(again), scaleBySchedule(() => again(-1))]) {
      optimizer = chain(scaleByAdam(), half, last).initSync(params(), { backend });
      expectRefusal(optimizer, () => optimizer.step(), StateError, /from inside|needs an update/);
      expectRefusal(optimizer, () => optimizer.update(), StateError, /from inside|needs an update/);
    }
    inside = false;
    expect(optimizer!.step()).toBe(true);
  });

  it("everything after dispose() is a DisposedError; views keep their numbers", () => {
    for (const end of ["dispose", Symbol.dispose] as const) {
      const optimizer = ready();
      const views = optimizer.params;
      const numbers = bitsIn(views);
      optimizer.update(gradients(1));
      optimizer[end]();
      optimizer.dispose();
      for (const name of ["params", "grads", "state"] as const) {
        expectError(() => optimizer[name], DisposedError, /disposed/);
        expectError(() => optimizer.snapshot(name), DisposedError, /disposed/);
      }
      for (const name of ["step", "update", "apply", "zeroGrads"] as const) {
        expectError(() => optimizer[name](), DisposedError, /disposed/);
      }
      expectError(() => optimizer.writeTo(params()), DisposedError, /disposed/);
      for (let i = 0; i < 10; i++) ready().step(gradients(i));
      expect(bitsIn(views)).toEqual(numbers);
    }
  });
});

describe.each(BACKENDS)("rules of a user, on %s", (backend) => {
  const zeros = () => ({ a: of(0, 0), b: of(0, 0) });
  type Pair = ReturnType<typeof zeros>;

  it("one that throws in the middle has not happened, and the next step goes on", () => {
    let fails = false;
    const failing = stateless<Tree>((updates) => {
      updates.dense.bias.fill(9);
      if (fails) throw new EvalError("a rule's own");
      return updates;
    });
    const make = () => chain(scaleByAdam(), counted, trace(), failing, rmsprop()).initSync(params(), { backend });
    const [optimizer, other] = [make(), make()];
    for (let step = 1; step <= 66; step++) {
      optimizer.grads.dense.kernel.set(gradients(step).dense.kernel);
      fails = true;
      expectRefusal(optimizer, () => optimizer.step(), EvalError, "a rule's own");
      expectRefusal(optimizer, () => optimizer.update(), EvalError, "a rule's own");
      fails = false;
      optimizer.step(gradients(step));
      other.step(gradients(step));
    }
    expect(everythingIn(optimizer)).toEqual(everythingIn(other));
    expect(optimizer.state[1]).toEqual({ calls: 66 });
  });

  it.each<[message: RegExp, result: (updates: Pair) => unknown]>([
    [/^"updates" is missing$/, () => undefined],
    [/^"updates\.b" is missing$/, ({ a }) => ({ a })],
    [/^"updates\.a" has 1 elements, expected 2$/, ({ b }) => ({ a: of(1), b })],
    [/^"updates\.c" is not among the parameters$/, (updates) => ({ ...updates, c: 1 })],
    [/^"updates\.a" is an array of plain numbers/, ({ b }) => ({ a: [1, 2], b })],
    [/^"updates" is an instance of Promise/, async (updates) => updates],
  ])("a result that is refused: %s", (message, result) => {
    const errorClass = /of plain|Promise/.test(message.source) ? TypeError : TreeMismatchError;
    const update = chain(scaleByAdam(), stateless<Pair>(result), scale(-1));
    const optimizer = update.initSync(zeros(), { backend });
    expectRefusal(optimizer, () => optimizer.step(), errorClass, message);
    expectRefusal(optimizer, () => optimizer.update(), errorClass, message);
  });

  it.each([undefined, {}, null, 1, Promise.resolve()])("stateful: %s is no pair of updates and state", (result) => {
    const broken = stateful<Pair, unknown>(Object, () => result as never);
    const optimizer = chain(scaleByAdam(), broken).initSync(zeros(), { backend });
    expectRefusal(optimizer, () => optimizer.step(), TypeError, /stateful.*\[updates, state\]/);
  });

  it("the updates in another order, new ones, and leaves that cannot be replaced", () => {
    const run = (rule: (updates: Pair) => unknown) => {
      const optimizer = stateless<Pair>(rule).initSync(zeros(), { backend });
      for (let i = 0; i < 2; i++) optimizer.step({ a: of(1, 2), b: of(3, 4) });
      return optimizer.params;
    };
    expect(run(({ a, b }) => ({ a: b, b: a }))).toEqual({ a: of(6, 8), b: of(2, 4) });
    expect(run(({ a }) => ({ a: a.map((x) => -x), b: a }))).toEqual({ a: of(-2, -4), b: of(2, 4) });
    expect(run(() => ({ a: Int8Array.of(1, 2), b: { data: [3, 4], shape: [2] } }))).toEqual({
      a: of(2, 4),
      b: of(6, 8),
    });
    expect(() => run((updates) => Object.assign(updates, { a: of(5, 5) }))).toThrow(TypeError);
  });

  it("what a rule keeps as its state stays as it was", () => {
    const seen: number[][] = [];
    const update = stateful<Pair, { first: Pair; last: Pair }>(
      (first) => ({ first, last: first }),
      (updates, { first, last }) => {
        seen.push([first.a[0]!, last.a[0]!]);
        return [updates, { first, last: updates }];
      },
    );
    const optimizer = update.initSync({ a: of(7, 7), b: of(7, 7) }, { backend });
    for (const x of [1, 2, 3]) optimizer.step({ a: of(x, x), b: of(x, x) });
    expect(seen.join("; ")).toBe("7,7; 7,1; 7,2");
  });

  it("dispose() in the middle is a DisposedError", () => {
    const rule = stateless<Pair>((updates) => optimizer.dispose() ?? updates);
    const optimizer: lanestep.Optimizer<Pair> = chain(scaleByAdam(), rule).initSync(zeros(), { backend });
    expectError(() => optimizer.step(zeros()), DisposedError, /disposed/);
  });
});

describe.each(BACKENDS)("trees, on %s", (backend) => {
  it.each(trees)("%s", (_, tree) => {
    const update = chain(trace(), centralize(), clipByGlobalNorm({ maxNorm: 1e6 }), scale(1));
    const optimizer = update.initSync(tree, { backend });
    optimizer.step(tree as never);
    expect(optimizer.snapshot("params")).toEqual(double(tree));
    expect(optimizer.params).toEqual(double(tree));
    expect(Object.keys(optimizer.params)).toEqual(Object.keys(double(tree) as object));
  });

  it("types: views with the form of the parameters", () => {
    const list: Float32Array[] = [of(1)];
    const tree = { dense: { kernel: { shape: [2, 3] }, bias: Float64Array.of(1) }, layers: [of(1), 0.5], list };
    const optimizer = adam().initSync(tree, { backend });
    type View = Float32Array<ArrayBuffer>;
    type Dense = { readonly kernel: View; readonly bias: View };
    type Form = { readonly dense: Dense; readonly layers: readonly View[]; readonly list: readonly View[] };
    expectTypeOf(optimizer.params).toEqualTypeOf<Form>();
    expectTypeOf(optimizer.update()).toEqualTypeOf<Form>();
    expectTypeOf(optimizer.snapshot("grads")).toEqualTypeOf<Form>();
    expectTypeOf(optimizer.state[0]!.mu!).toEqualTypeOf<Form>();
    expectTypeOf(sgd().init(tree)).resolves.toEqualTypeOf<lanestep.Optimizer<typeof tree>>();
    // @ts-expect-error no such leaf
    expect(optimizer.params.dense.weight).toBeUndefined();
    // A leaf that is missing may be frozen: it is found when it runs.
    expect(() => optimizer.apply() ?? optimizer.step({ dense: { kernel: of(1) } })).toThrow(TreeMismatchError);
    // @ts-expect-error no such leaf
    expect(() => optimizer.step({ ...tree, more: 1 })).toThrow(TreeMismatchError);
  });
});

describe.each(BACKENDS)("the functional form, on %s", (backend) => {
  it.each(Object.entries(chains))("%s: the optimizer's bits, and nothing that it is given changes", async (_, make) => {
    const { init, update } = functional(make(), { backend });
    const optimizer = make().initSync(params(), { backend });
    let model: lanestep.Plain<ReturnType<typeof params>> = params();
    let state = await init(model);
    for (let step = 1; step <= 5; step++) {
      const given = structuredClone([gradients(step), state, model] as const);
      const [updates, next] = update(...given);
      expect(given).toEqual([gradients(step), state, model]);
      expect(update(...given)).toEqual([updates, next]);
      optimizer.update(gradients(step));
      expect(bitsIn(updates.dense)).toEqual(bitsIn(optimizer.grads.dense));
      optimizer.apply();
      const { counts, memories } = optimizer.internals.host;
      expect(next).toEqual({ count: step, host: { counts, memories }, rules: optimizer.snapshot("state") });
      [model, state] = [applyUpdates(model, updates), next];
    }
    expect(bitsIn(model.dense)).toEqual(bitsIn(optimizer.params.dense));
    expect(model.scale).toBe(optimizer.params.scale[0]);
  });

  it("applyUpdates() keeps what has no update, and replaces model state", () => {
    const model = { dense: { w: of(1, 2), n: 3 }, norm: { mean: of(5), variance: { data: [1, 2], shape: [2] } } };
    const before = structuredClone(model);
    const next = applyUpdates(model, { dense: { w: of(1, 1), n: -1 } }, { norm: { mean: of(6) } });
    expect(next.dense).toEqual({ w: of(2, 3), n: 2 });
    expect(next.norm).toEqual({ mean: of(6), variance: { data: of(1, 2), shape: [2] } });
    next.norm.variance.data.fill(0);
    expect(model).toEqual(before);
  });
});
