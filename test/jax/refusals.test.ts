import { defaultDevice, grad, jit, numpy as np, tree } from "@jax-js/jax";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { byPath } from "../../src/glob.ts";
import {
  adamw,
  averageParams,
  chain,
  freeze,
  NonFiniteError,
  partition,
  sgd,
  skipNonFinite,
  TreeMismatchError,
  type Update,
} from "../../src/index.ts";
import { applyUpdates, gradientTransformation, JaxOptimizer } from "../../src/jax/index.ts";
import { generator, type Model, numbersOf, random, referencesOf, startDevices } from "./support.ts";

beforeAll(startDevices);
beforeEach(() => {
  defaultDevice("wasm");
});

const f32 = (...numbers: number[]) => np.array(Float32Array.from(numbers));
const freed = () => {
  const array = f32(1, 2);
  array.dispose();
  return array;
};

/** Gradients of the model that do not fit, by what is said of them. */
const MISMATCHES: Record<string, [(grads: Model) => unknown, new (...args: never[]) => Error]> = {
  '"grads.layers[1].bias" is missing': [
    ({ layers: [a, b], ...rest }) => ({ ...rest, layers: [a, { kernel: b!.kernel }] }),
    TreeMismatchError,
  ],
  '"grads.layers[0].bias" is missing': [
    ({ layers, ...rest }) => ({ ...rest, layers: { 0: layers[0], 1: layers[1] } }),
    TreeMismatchError,
  ],
  '"grads.other" is not among the parameters': [(grads) => ({ ...grads, other: f32(1, 2) }), TreeMismatchError],
  '"grads.long" is missing': [(grads) => ({ ...grads, long: [grads.long, f32(1, 2)] }), TreeMismatchError],
  '"grads.long" has shape 202, expected 203': [(grads) => ({ ...grads, long: np.zeros([202]) }), TreeMismatchError],
  '"grads.long" has shape 203×1, expected 203': [
    (grads) => ({ ...grads, long: np.zeros([203, 1]) }),
    TreeMismatchError,
  ],
  '"grads.scale" has shape 1, expected a scalar': [(grads) => ({ ...grads, scale: np.zeros([1]) }), TreeMismatchError],
  '"grads.scale" is int32, expected float32': [
    (grads) => ({ ...grads, scale: np.array(1, { dtype: np.int32 }) }),
    TypeError,
  ],
  '"grads.scale" is bool, expected float32': [(grads) => ({ ...grads, scale: np.array(true) }), TypeError],
  '"grads.scale" is 0.5, expected an array of jax-js: np.array(0.5)': [
    (grads) => ({ ...grads, scale: 0.5 }),
    TypeError,
  ],
  '"grads.long" is an instance of Float32Array, expected an array of jax-js': [
    (grads) => ({ ...grads, long: new Float32Array(203) }),
    TypeError,
  ],
  '"grads.scale" is missing': [(grads) => ({ ...grads, scale: null }), TreeMismatchError],
  '"grads.scale" was freed, or is given twice': [
    (grads) => {
      grads.scale.ref.dispose();
      const scale = np.array(1);
      scale.dispose();
      return { ...grads, scale };
    },
    ReferenceError,
  ],
  '"grads.layers[1].bias" was freed, or is given twice': [
    (grads) => {
      const bias = np.zeros([4]).reshape([4]);
      return { ...grads, layers: grads.layers.map(({ kernel }) => ({ kernel, bias })) };
    },
    ReferenceError,
  ],
};

describe("what does not fit is refused by its path, and nothing is consumed", () => {
  const update = adamw();
  /** A layer of one form twice, so that an array may stand at two places. */
  const start = () => {
    const { model } = random(generator(1));
    model.layers = [0, 1].map(() => ({ kernel: np.zeros([3, 4]), bias: np.zeros([4]) }));
    return model;
  };

  it.each(Object.entries(MISMATCHES))("%s", async (message, [change, kind]) => {
    const optimizer = await JaxOptimizer.init(update, start());
    const solver = gradientTransformation(update);
    const params = start();
    const state = solver.init(tree.ref(params));
    const grads = change(start()) as Model;
    const before = referencesOf(grads);
    const attempts = [
      async () => optimizer.step(grads),
      () => optimizer.stepAsync(grads),
      async () => solver.update(grads, state, params),
      () => solver.updateAsync(grads, state, params),
    ];
    for (const attempt of attempts) {
      const error = await attempt().then(
        () => new Error("was taken"),
        (reason) => reason,
      );
      expect(error.message).toContain(message);
      expect(error).toBeInstanceOf(kind);
    }
    expect(referencesOf(grads)).toEqual(before);
    expect(referencesOf([params, state])).toEqual(referencesOf([params, state]).map(() => 1));
    expect(optimizer.inner.count).toBe(0);
    optimizer.step(start());
    solver.update(start(), state, params);
  });

  it("parameters of another form than those of the state", () => {
    const solver = gradientTransformation(update);
    const state = solver.init(start());
    const refuse = (params: unknown) => expect(() => solver.update(start(), state, params as Model));
    refuse({ ...start(), scale: null }).toThrow(
      '"params.scale" is null, expected an array of jax-js: leave the key out',
    );
    refuse({ ...start(), long: np.zeros([2]) }).toThrow('"params.long" has shape 2, expected 203');
    refuse(null).toThrow('"params" is null');
    const both = f32(1, 2);
    const one = gradientTransformation(update);
    const ofOne = one.init({ w: f32(1, 2) });
    expect(() => one.update({ w: both }, ofOne, { w: both })).toThrow('"params.w" was freed, or is given twice');
    one.update({ w: both.ref }, ofOne, { w: both });
  });

  it.each([
    [{ w: f32(1), b: null }, '"params.b" is null, expected an array of jax-js: leave the key out'],
    [
      { w: f32(1), b: np.zeros([2], { dtype: np.float16 }) },
      '"params.b" is float16, expected float32: keep what is not trained out of the tree',
    ],
    [{ w: f32(1), b: [freed()] }, '"params.b[0]" was freed'],
    [{ w: f32(1), b: new Map() }, '"params.b" is an instance of Map, expected an array of jax-js'],
  ])("parameters of init: %#", async (params, message) => {
    const given = params as { w: np.Array };
    expect(() => JaxOptimizer.initSync(update, given)).toThrow(message);
    await expect(JaxOptimizer.init(update, given)).rejects.toThrow(message);
    expect(() => gradientTransformation(update).init(given)).toThrow(message);
    await expect(gradientTransformation(update).initAsync(given)).rejects.toThrow(message);
    expect(given.w.refCount).toBe(1);
  });

  it("leaves under jit and grad, which have no numbers", () => {
    const solver = gradientTransformation(update);
    const state = solver.init({ w: f32(1) });
    const step = jit((w: np.Array) => solver.update({ w }, state)[0]);
    expect(() => step(f32(1))).toThrow('"grads.w" is traced, so it has no numbers yet: call this outside of jit');
    const inGrad = grad((w: np.Array) => solver.update({ w }, state)[0].w.sum());
    expect(() => inGrad(f32(1))).toThrow('"grads.w" is traced');
    expect(() => jit((s: typeof state) => solver.update({ w: f32(1) }, s)[0])(tree.ref(state))).toThrow(
      "state is an object, expected what init or update of the same transformation returned",
    );
  });

  it("states of others, and updates that are none", async () => {
    const [one, other] = [gradientTransformation(update), gradientTransformation(update)];
    const state = one.init({ w: f32(1) });
    for (const wrong of [other.init({ w: f32(1) }), {}, null, { handle: f32(1) }, state.valueOf === undefined]) {
      expect(() => one.update({ w: f32(1) }, wrong as typeof state)).toThrow(TypeError);
      expect(() => one.paramsOf(wrong as typeof state)).toThrow("expected what init or update of the same");
    }
    const wrong = adamw as unknown as Update;
    expect(() => gradientTransformation(wrong)).toThrow("gradientTransformation: argument 1 is a function: call it");
    expect(() => new (JaxOptimizer as never as new (...args: object[]) => unknown)(update, {})).toThrow(
      new TypeError("await JaxOptimizer.init(update, params) makes one, not new"),
    );
    expect(() => JaxOptimizer.initSync(wrong, { w: f32(1) })).toThrow(
      "JaxOptimizer.initSync: argument 1 is a function",
    );
    await expect(JaxOptimizer.init(wrong, { w: f32(1) })).rejects.toThrow("JaxOptimizer.init: argument 1");
    const device = { backend: "webgpu" } as object;
    await expect(JaxOptimizer.init(update, { w: f32(1) }, device)).rejects.toThrow(
      'backend is "webgpu", expected "wasm"',
    );
  });

  it("a frozen leaf may be absent, all others may not", async () => {
    const frozen = partition({ frozen: freeze(), trained: adamw() }, byPath({ a: "frozen", "**": "trained" }));
    const optimizer = await JaxOptimizer.init(frozen, { a: f32(1), b: f32(2) });
    expect(() => optimizer.step({ a: f32(1), b: null })).toThrow('"grads.b" is missing');
    expect(() => optimizer.step({ a: f32(1, 2), b: f32(1) })).toThrow('"grads.a" has shape 2, expected 1');
    optimizer.step({ b: f32(1) });
  });

  it("what a schedule refuses", async () => {
    let rate = Number.NaN;
    const optimizer = await JaxOptimizer.init(adamw({ learningRate: () => rate }), { w: f32(1) });
    const grads = { w: f32(1) };
    expect(() => optimizer.step(grads)).toThrow(RangeError);
    expect(grads.w.refCount).toBe(1);
    rate = 0.5;
    expect(optimizer.step(grads).w.js()).toEqual([0.5]);
  });
});

describe("a step that throws, and what comes after it", () => {
  const update = partition(
    { guarded: skipNonFinite(sgd({ learningRate: 1 }), { maxConsecutive: 0 }), others: sgd({ learningRate: 1 }) },
    byPath({ a: "guarded", "**": "others" }),
  );
  const start = () => ({ a: f32(0), b: f32(0) });
  const bad = () => ({ a: f32(Number.NaN), b: f32(1) });
  const good = () => ({ a: f32(1), b: f32(1) });

  it("in place: where one group is skipped too often the others step, and the next step is one", async () => {
    const optimizer = await JaxOptimizer.init(update, start());
    const grads = bad();
    expect(() => optimizer.step(grads)).toThrow(NonFiniteError);
    expect(referencesOf(grads)).toEqual([1, 1]);
    expect(numbersOf(optimizer.params())).toEqual([[0], [-1]]);
    expect(numbersOf(optimizer.step(good()))).toEqual([[-1], [-2]]);
  });

  it("as a pair of functions: the same, and a state that was kept is as it was", async () => {
    const solver = gradientTransformation(update);
    const state = solver.init(start());
    const grads = bad();
    expect(() => solver.update(tree.ref(grads), tree.ref(state))).toThrow(NonFiniteError);
    tree.dispose(state); // the reference that was not consumed
    grads.a.dispose();
    grads.b.dispose();
    expect([solver.optimizerOf(state).count, numbersOf(solver.paramsOf(state))]).toEqual([0, [[0], [0]]]);
    await expect(solver.updateAsync(grads, state)).rejects.toThrow(NonFiniteError);
    expect(referencesOf([grads, state])).toEqual([1, 1, 1]);
    expect([solver.optimizerOf(state).count, numbersOf(solver.paramsOf(state))]).toEqual([1, [[0], [-1]]]);
    const [updates, next] = solver.update(good(), state);
    expect(numbersOf(updates)).toEqual([[-1], [-1]]);
    expect(numbersOf(solver.paramsOf(next))).toEqual([[-1], [-2]]);
  });

  it("while the average stands in the parameters", () => {
    const solver = gradientTransformation(chain(sgd({ learningRate: 1 }), averageParams()));
    const state = solver.init({ w: f32(0) });
    solver.optimizerOf(state).swapAverage();
    const grads = { w: f32(1) };
    for (const kept of [state, tree.ref(state)]) {
      expect(() => solver.update(grads, kept)).toThrow("update() while the average stands in the parameters");
    }
    solver.optimizerOf(state).swapAverage();
    expect(numbersOf(solver.update(grads, state)[0])).toEqual([[-1]]);
  });
});

type Tree = { a: np.Array; b: np.Array; c: np.Array };
const threeArrays = (): Tree => ({ a: f32(1), b: f32(2), c: f32(3) });

/** Everything that reads a tree and takes its time; no step may come of it. */
async function forEachReader(check: (read: (tree: Tree) => Promise<unknown>) => Promise<void>): Promise<void> {
  const optimizer = await JaxOptimizer.init(adamw(), threeArrays());
  const solver = gradientTransformation(adamw());
  const state = solver.init(threeArrays());
  const readers: ((tree: Tree) => Promise<unknown>)[] = [
    (params) => JaxOptimizer.init(adamw(), params),
    (params) => solver.initAsync(params),
    (grads) => optimizer.stepAsync(grads),
    (grads) => solver.updateAsync(grads, state),
  ];
  for (const read of readers) await check(read);
  expect([optimizer.inner.count, solver.optimizerOf(state).count]).toEqual([0, 0]);
}

describe("arrays that jax-js cannot read", () => {
  afterEach(() => {
    vi.restoreAllMocks();
  });

  it.each(["blockUntilReady", "data"] as const)("%s is rejected: no reference is left behind", async (method) => {
    await forEachReader(async (read) => {
      const given = threeArrays();
      vi.spyOn(np.Array.prototype, method).mockRejectedValueOnce(new Error("the device is gone"));
      await expect(read(given)).rejects.toThrow("the device is gone");
      await new Promise((resolve) => setTimeout(resolve)); // others may be under way
      expect(referencesOf(given)).toEqual([1, 1, 1]);
    });
  });
});

describe("arrays that are freed while others are read", () => {
  it("parameters, gradients: nothing else is consumed, no step is made", async () => {
    await forEachReader(async (read) => {
      const given = threeArrays();
      const promise = read(given);
      given.b.dispose();
      await expect(promise).rejects.toThrow('.b" was freed, or is given twice');
      expect([given.a.refCount, given.c.refCount]).toEqual([1, 1]);
    });
  });

  it("the same gradients for two steps at once", async () => {
    const optimizer = await JaxOptimizer.init(adamw(), { w: f32(1) });
    const grads = { w: f32(1) };
    const results = await Promise.allSettled([optimizer.stepAsync(grads), optimizer.stepAsync(grads)]);
    expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected"]);
    expect(optimizer.inner.count).toBe(1);
  });

  it("the array of a frozen leaf, once too often: the next step gives another", async () => {
    const frozen = partition({ frozen: freeze(), trained: sgd() }, byPath({ a: "frozen", "**": "trained" }));
    const optimizer = await JaxOptimizer.init(frozen, { a: f32(5), b: f32(0) });
    const { a } = optimizer.params();
    for (let i = 0; i < 2; i++) a.dispose();
    expect(optimizer.step({ b: f32(1) }).a.js()).toEqual([5]);
    const again = optimizer.params();
    for (let i = 0; i < 2; i++) again.a.dispose();
    optimizer.dispose();
  });
});

describe("applyUpdates", () => {
  it("matches leaves by their paths, where jax-js's tree.map takes them in the order of keys", () => {
    const params = () => ({ a: f32(1, 2), b: f32(3, 4) });
    const updates = () => ({ b: f32(10, 10), a: f32(100, 100) });
    expect(applyUpdates(params(), updates()).a.js()).toEqual([101, 102]);
    expect(tree.map((p: np.Array, u: np.Array) => p.add(u), params(), updates()).a.js()).toEqual([11, 12]);
  });

  it("so do the steps", async () => {
    const optimizer = await JaxOptimizer.init(adamw({ learningRate: 1 }), { a: f32(1, 2), b: f32(3, 4) });
    const { a, b } = optimizer.step({ b: f32(1, 1), a: f32(-1, -1) });
    expect([a.js(), b.js()]).toEqual([
      [2, 3],
      [2, 3],
    ]);
  });

  it("refuses what does not fit, and consumes nothing then", () => {
    const params = { a: f32(1, 2) };
    const refuse = (updates: unknown) => expect(() => applyUpdates(params, updates as typeof params));
    refuse({ a: f32(1) }).toThrow('"updates.a" has shape 1, expected 2');
    refuse({ b: f32(1, 2) }).toThrow('"updates.a" is missing');
    refuse({ a: f32(1, 2), b: f32(1) }).toThrow('"updates.b" is not among the parameters');
    refuse(params).toThrow('"updates.a" was freed, or is given twice');
    expect(params.a.refCount).toBe(1);
    expect(applyUpdates(params, tree.ref(params)).a.js()).toEqual([2, 4]);
  });
});
