import { defaultDevice, grad, jit, numpy as np, tree } from "@jax-js/jax";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { byPath } from "../../src/glob.ts";
import * as lanestep from "../../src/index.ts";
import { applyUpdates, gradientTransformation, JaxOptimizer } from "../../src/jax/index.ts";
import { warmupCosine } from "../../src/schedules/index.ts";
import { DEVICES, generator, type Model, numbersOf, random, referencesOf, startDevices, times } from "./support.ts";

const { accumulate, adamw, averageParams, chain, clipByGlobalNorm, freeze, lookahead, partition } = lanestep;

const learningRate = () => warmupCosine({ initValue: 1e-3, peakValue: 0.05, warmupSteps: 5, decaySteps: 50 });
/** Where the scalar stands among the leaves. */
const SCALAR = 4;

const CHAINS = {
  "adamw with clipping and a schedule": chain(
    clipByGlobalNorm({ maxNorm: 1 }),
    adamw({ learningRate: learningRate(), decay: 0.1 }),
  ),
  "groups by path": chain(
    clipByGlobalNorm({ maxNorm: 1 }),
    partition(
      { plain: adamw({ learningRate: learningRate() }), decayed: adamw({ learningRate: learningRate(), decay: 0.1 }) },
      byPath({ "**/kernel": "decayed", "**": "plain" }),
    ),
  ),
  "what stands between steps": accumulate(
    chain(lookahead(lanestep.sgd({ learningRate: 0.1 }), { every: 3 }), averageParams()),
    { every: 2 },
  ),
};

beforeAll(startDevices);

describe.each(DEVICES)("on %s", (device) => {
  beforeEach(() => {
    defaultDevice(device);
  });

  describe.each(Object.entries(CHAINS))("%s", (_name, update) => {
    /** What lanestep alone makes of the same numbers, and the gradients of each step. */
    function expected(steps: number) {
      const next = generator(1);
      const { plain, model } = random(next);
      const optimizer = update.initSync(plain);
      const gradients = Array.from({ length: steps }, () => random(next));
      const params = gradients.map((gradient) => {
        optimizer.step(gradient.plain);
        const { layers, scale, nothing, long } = optimizer.params;
        return [...layers.flatMap(({ kernel, bias }) => [[...kernel], [...bias]]), [...scale], [...nothing], [...long]];
      });
      return { model, gradients: gradients.map((gradient) => gradient.model), params };
    }

    it.each([false, true])("in place: the bits of lanestep alone (without blocking: %s)", async (isAsync) => {
      const { model, gradients, params } = expected(20);
      const optimizer = isAsync ? await JaxOptimizer.init(update, model) : JaxOptimizer.initSync(update, model);
      for (const [i, grads] of gradients.entries()) {
        const trained: Model = isAsync ? await optimizer.stepAsync(grads) : optimizer.step(grads);
        expect(numbersOf(trained)).toEqual(params[i]);
        expect(trained.layers[1]!.kernel.shape).toEqual([5, 3]);
        expect(trained.scale.shape).toEqual([]);
        expect(trained.nothing.shape).toEqual([0, 4]);
        expect(trained.long.device).toBe(device);
      }
    });

    it.each([
      ["without blocking", true, true],
      ["blocking", false, true],
      ["without parameters", false, false],
    ])("as a pair of functions: the bits of lanestep alone, %s", async (_how, isAsync, given) => {
      const { model, gradients, params: wanted } = expected(20);
      const solver = gradientTransformation(update);
      let params = model;
      let state = isAsync ? await solver.initAsync(tree.ref(params)) : solver.init(tree.ref(params));
      for (const [i, grads] of gradients.entries()) {
        const with_ = given ? tree.ref(params) : undefined;
        const [updates, next] = isAsync
          ? await solver.updateAsync(grads, state, with_)
          : solver.update(grads, state, with_);
        params = applyUpdates(params, updates);
        state = next;
        const found = numbersOf(params);
        // jax-js keeps arrays of equal numbers, such as a scalar, as constants in double precision, which it never rounds.
        found[SCALAR] = found[SCALAR]!.map((x, k) =>
          Math.abs(x - wanted[i]![SCALAR]![k]!) < 1e-6 ? wanted[i]![SCALAR]![k]! : x,
        );
        expect(found).toEqual(wanted[i]);
      }
      if (!given) expect(numbersOf(solver.paramsOf(state))).toEqual(wanted.at(-1));
    });

    it("a state that was kept gives the same again, whatever became of it, and so do both branches", () => {
      const { model, gradients } = expected(6);
      const solver = gradientTransformation(update);
      const run = (from: Model, state: ReturnType<typeof solver.init>, grads: readonly Model[]) => {
        let params = from;
        for (const gradient of grads) {
          const [updates, next] = solver.update(tree.ref(gradient), state, tree.ref(params));
          params = applyUpdates(params, updates);
          state = next;
        }
        return { params, state };
      };
      const half = run(model, solver.init(tree.ref(model)), gradients.slice(0, 3));
      const branches = [3, 4, 3, 3].map((begin) =>
        numbersOf(run(tree.ref(half.params), tree.ref(half.state), gradients.slice(begin)).params),
      );
      expect(branches[1]).not.toEqual(branches[0]);
      expect(branches[2]).toEqual(branches[0]);
      // The state itself is the last to go on: with the arena that it has had all along.
      expect(numbersOf(run(half.params, half.state, gradients.slice(3)).params)).toEqual(branches[0]);
      expect(branches[3]).toEqual(branches[0]);
    });
  });

  it("no array that was given out changes in later steps", () => {
    const next = generator(2);
    const solver = gradientTransformation(CHAINS["groups by path"]);
    const optimizer = JaxOptimizer.initSync(CHAINS["groups by path"], random(next).model);
    let state = solver.init(random(next).model);
    const given = Array.from({ length: 5 }, () => {
      const [updates, after] = solver.update(random(next).model, state);
      state = after;
      return [optimizer.step(random(next).model), optimizer.params(), updates, solver.paramsOf(state)].map((made) => ({
        made,
        before: numbersOf(made),
      }));
    });
    for (const { made, before } of given.flat()) expect(numbersOf(made)).toEqual(before);
  });
});

describe("references", () => {
  beforeEach(() => {
    defaultDevice("wasm");
  });

  it("in place: a step consumes gradients and gives parameters with one reference each", async () => {
    const next = generator(3);
    const { model } = random(next);
    const grads = random(next).model;
    const optimizer = await JaxOptimizer.init(CHAINS["groups by path"], model);
    expect(referencesOf(model)).toEqual(times(0));
    const trained = optimizer.step(tree.ref(grads));
    expect(referencesOf(grads)).toEqual(times(1));
    await optimizer.stepAsync(grads);
    expect(referencesOf(grads)).toEqual(times(0));
    expect(referencesOf(trained)).toEqual(times(1));
    expect(referencesOf(optimizer.params())).toEqual(times(1));
    optimizer.dispose();
    expect(() => optimizer.step(trained)).toThrow(lanestep.DisposedError);
    expect(referencesOf(trained)).toEqual(times(1));
  });

  it("a pair of functions: update consumes gradients, state and parameters", async () => {
    const next = generator(4);
    const { model } = random(next);
    const grads = random(next).model;
    const solver = gradientTransformation(CHAINS["groups by path"]);
    const state = solver.init(tree.ref(model));
    expect(referencesOf(model)).toEqual(times(1));
    const [updates, after] = solver.update(grads, state, model);
    expect([...referencesOf(grads), ...referencesOf(model)]).toEqual(times(0, 14));
    expect(referencesOf(state)).toEqual([0]);
    expect(referencesOf(after)).toEqual([1]);
    expect(referencesOf(updates)).toEqual(times(1));
    expect(() => solver.update(updates, state)).toThrow("state was consumed by an update: tree.ref(state) keeps one");
    const both = [solver.updateAsync(tree.ref(updates), after), solver.updateAsync(tree.ref(updates), after)];
    expect((await Promise.allSettled(both)).map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    const params = random(next).model;
    const sum = applyUpdates(params, updates);
    expect(referencesOf(params)).toEqual(times(0));
    expect(referencesOf(sum)).toEqual(times(1));
  });

  it("a pair of functions: the parameters are those that update is given, not those it made", () => {
    const solver = gradientTransformation(adamw({ learningRate: 1, decay: 0.5 }));
    const state = solver.init({ w: np.array([2, 4]) });
    const zeros = () => ({ w: np.zeros([2]) });
    const [decayed, next] = solver.update(zeros(), state, { w: np.array([20, 40]) });
    expect(decayed.w.js()).toEqual([-10, -20]);
    expect(solver.update(zeros(), next)[0].w.js()).toEqual([-5, -10]); // of 20 - 10 and 40 - 20
  });

  it("gradients that jit and grad have yet to compute", async () => {
    const loss = (p: { w: np.Array }) => np.square(p.w).sum();
    const optimizer = await JaxOptimizer.init(lanestep.sgd({ learningRate: 0.25 }), { w: np.array([1, -2]) });
    let params = optimizer.params();
    for (let i = 0; i < 3; i++) params = optimizer.step(jit(grad(loss))(params));
    for (let i = 0; i < 3; i++) params = await optimizer.stepAsync(jit(grad(loss))(params));
    expect(params.w.js()).toEqual([2 ** -6, -(2 ** -5)]);
  });

  it("arrays stay on the device that the parameters were on", () => {
    const params = { a: np.array([1, 2], { device: "cpu" }), b: np.array([1, 2]) };
    const optimizer = JaxOptimizer.initSync(lanestep.sgd(), params);
    const { a, b } = optimizer.step({ a: np.array([1, 2], { device: "cpu" }), b: np.array([1, 2]) });
    expect([a.device, b.device]).toEqual(["cpu", "wasm"]);
    // One that is on the default device is not bound to it.
    expect(a.add(b).device).toBe("cpu");
  });
});

it("takes keys of every kind, of objects without a prototype too", async () => {
  const of = (by: number) => {
    const inner: Record<string, np.Array> = Object.create(null);
    for (const [i, key] of ["constructor", "__proto__", "a/b", "", "1", "toString"].entries()) {
      Object.defineProperty(inner, key, { value: np.array([by * (i + 1)]), enumerable: true });
    }
    return { inner };
  };
  const values = ({ inner }: ReturnType<typeof of>) =>
    Object.entries(inner)
      .map(([key, array]) => [key, ...(array.ref.js() as number[])])
      .sort();
  const optimizer = await JaxOptimizer.init(lanestep.sgd({ learningRate: 1 }), of(3));
  expect(values(optimizer.step(of(1)))).toEqual(values(of(2)));
  expect(values(applyUpdates(of(3), of(-1)))).toEqual(values(of(2)));
});

describe("leaves that are frozen", () => {
  const update = partition(
    { frozen: freeze(), trained: lanestep.sgd({ learningRate: 1 }) },
    byPath({ body: "frozen", "**": "trained" }),
  );
  const start = () => ({ body: np.array([1, 2]), head: np.array([3, 5]) });

  it("cost nothing in a step: their gradients are not read, their array is the same each time", async () => {
    const optimizer = await JaxOptimizer.init(update, start());
    const one = optimizer.step({ body: np.array([9, 9]), head: np.array([1, 1]) });
    const two = optimizer.step({ body: null, head: np.array([1, 1]) });
    const three = await optimizer.stepAsync({ head: np.array([1, 1]) });
    expect(two.body).toBe(one.body);
    expect(three.body).toBe(one.body);
    expect(one.body.refCount).toBe(4); // three trees, and the optimizer
    expect([one, two, three].map(({ head }) => head.js())).toEqual([
      [2, 4],
      [1, 3],
      [0, 2],
    ]);
    optimizer.dispose();
    for (const { body } of [one, two, three]) body.dispose();
    expect(one.body.refCount).toBe(0);
  });

  it("have updates of zero", () => {
    const solver = gradientTransformation(update);
    const params = start();
    const [updates] = solver.update({ body: np.array([9, 9]), head: np.array([1, 1]) }, solver.init(tree.ref(params)));
    expect(numbersOf(updates)).toEqual([[-0, -0].map(Math.abs), [-1, -1]]);
    expect(numbersOf(applyUpdates(params, updates))).toEqual([
      [1, 2],
      [2, 4],
    ]);
  });
});

describe("what else lanestep has works through it", () => {
  it("checkpoints, in both forms", async () => {
    const next = generator(5);
    const update = CHAINS["groups by path"];
    const { model } = random(next);
    const [first, second] = [random(next).model, random(next).model];
    const optimizer = await JaxOptimizer.init(update, tree.ref(model));
    optimizer.step(tree.ref(first));
    const bytes = optimizer.inner.save();
    const wanted = numbersOf(optimizer.step(tree.ref(second)));

    const again = await JaxOptimizer.init(update, tree.ref(model));
    await again.inner.load(bytes);
    expect(again.inner.count).toBe(1);
    expect(numbersOf(again.step(tree.ref(second)))).toEqual(wanted);

    const solver = gradientTransformation(update);
    const state = solver.init(model);
    await solver.optimizerOf(state).load(bytes);
    const params = solver.paramsOf(state);
    const [updates] = solver.update(second, state, tree.ref(params));
    expect(numbersOf(applyUpdates(params, updates))).toEqual(wanted);
  });

  it("parameters of frozen leaves after load()", async () => {
    const update = partition(
      { frozen: freeze(), trained: lanestep.sgd() },
      byPath({ body: "frozen", "**": "trained" }),
    );
    const of = (body: number) => JaxOptimizer.init(update, { body: np.array([body]), head: np.array([1]) });
    const [one, two] = [await of(1), await of(2)];
    two.step({ head: np.array([1]) });
    await two.inner.load(one.inner.save());
    expect(two.params().body.js()).toEqual([1]);
    expect(two.step({ head: np.array([1]) }).body.js()).toEqual([1]);
  });

  it("statistics, averages, the loss for reduceOnPlateau, typed views", () => {
    const update = chain(
      lanestep.reduceOnPlateau({ patience: 1 }),
      lanestep.sgd({ learningRate: 1 }),
      averageParams({ decay: 0.5 }),
    );
    const optimizer = JaxOptimizer.initSync(update, { w: np.array([0, 0]) }, { stats: true });
    const losses = [1, 1, 1];
    for (const value of losses) optimizer.step({ w: np.array([3, 4]) }, { value });
    expect(optimizer.inner.stats().gradNorm).toBe(5);
    expect(optimizer.inner.stats().updateNorm).toBeCloseTo(0.05, 6);
    const view: Float32Array = optimizer.inner.params.w;
    expect(view.length).toBe(2);
    const [own] = numbersOf(optimizer.params());
    optimizer.inner.swapAverage();
    expect(numbersOf(optimizer.params())[0]).not.toEqual(own);
    optimizer.inner.swapAverage();

    const solver = gradientTransformation(update);
    const [, state] = solver.update({ w: np.array([3, 4]) }, solver.init({ w: np.array([0, 0]) }), undefined, {
      value: 1,
    });
    expect(solver.optimizerOf(state).count).toBe(1);
  });
});
