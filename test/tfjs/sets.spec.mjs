// @ts-check
// Sets of variables that change from step to step: layers frozen and unfrozen, lists that alternate, missing gradients.

import { describe, expect, it } from "vitest";
import { adam, chain, clipByGlobalNorm, freeze, partition, sgd } from "../../src/index.ts";
import { LanestepOptimizer } from "../../src/tfjs/index.ts";
import { BACKENDS, batch, denseModel, fit, numbers, tf, useBackend } from "./support.mjs";

/** @param {readonly number[]} list @param {string} [name] */
const variable = (list, name) => tf.variable(tf.tensor1d([...list]), true, name);
/** @param {import("@tensorflow/tfjs").Variable} x @param {readonly number[]} list */
const grad = (x, list) => ({ name: x.name, tensor: tf.tensor1d([...list]) });
const make = () => adam({ learningRate: 0.1, b1: 0.8, b2: 0.9 });

/** What a variable comes to with an optimizer of its own. @param {readonly number[]} start @param {readonly number[][]} grads */
function alone(start, grads) {
  const optimizer = make().initSync({ w: Float32Array.from(start) });
  for (const g of grads) optimizer.step({ w: Float32Array.from(g) });
  return [...optimizer.params.w];
}

describe.each(BACKENDS)("%s", (backend) => {
  it("variables unfrozen later begin their own bias correction; the others go on", async () => {
    await useBackend(backend);
    const [a, b] = [variable([1, 2]), variable([3])];
    const optimizer = new LanestepOptimizer(make());
    optimizer.applyGradients([grad(a, [1, -2])]);
    optimizer.applyGradients([grad(a, [3, 1])]);
    optimizer.applyGradients([grad(a, [1, 1]), grad(b, [2])]);
    optimizer.applyGradients([grad(b, [-1]), grad(a, [0, 1])]);
    expect(numbers(a)).toEqual(
      alone(
        [1, 2],
        [
          [1, -2],
          [3, 1],
          [1, 1],
          [0, 1],
        ],
      ),
    );
    expect(numbers(b)).toEqual(alone([3], [[2], [-1]]));
  });

  it("lists that alternate, overlap and meet again: each variable sees its own steps", async () => {
    await useBackend(backend);
    const all = [variable([1, 2]), variable([3]), variable([-1, 1, 1])];
    const starts = all.map(numbers);
    const optimizer = new LanestepOptimizer(make());
    const plan = [[0, 1], [2], [0, 1], [2], [0], [1, 2], [0, 1, 2], [1], [1], [2, 0], [0, 1, 2], [0, 2]];
    /** @type {number[][][]} */
    const seen = all.map(() => []);
    plan.forEach((some, step) => {
      optimizer.applyGradients(
        some.map((i) => {
          const g = starts[i].map((x, k) => Math.sin(x * 3 + step * 2 + k));
          seen[i].push(g);
          return grad(all[i], g);
        }),
      );
    });
    all.forEach((x, i) => {
      expect(numbers(x)).toEqual(alone(starts[i], seen[i]));
    });
    expect(optimizer.iterations).toBe(plan.length);
  });

  it("a norm is that of the variables of the step", async () => {
    await useBackend(backend);
    const [a, b] = [variable([0]), variable([0])];
    const optimizer = new LanestepOptimizer(chain(clipByGlobalNorm({ maxNorm: 1 }), sgd({ learningRate: 1 })));
    optimizer.applyGradients([grad(a, [3]), grad(b, [4])]);
    optimizer.applyGradients([grad(b, [4])]);
    expect(numbers(a)[0]).toBeCloseTo(-0.6, 6);
    expect(numbers(b)[0]).toBeCloseTo(-1.8, 6);
  });

  it("frozen layers of a model have no state and stay as they are; unfrozen they train", async () => {
    await useBackend(backend);
    const model = denseModel({ names: [`base${backend}`, `head${backend}`] });
    const [base, head] = model.layers;
    base.trainable = false;
    const optimizer = new LanestepOptimizer(adam({ learningRate: 0.05 }));
    model.compile({ optimizer, loss: "meanSquaredError" });
    const frozen = numbers(base.getWeights()[0]);
    const first = await fit(model, batch(), 4);
    expect(numbers(base.getWeights()[0])).toEqual(frozen);
    const names = (await optimizer.getWeights()).map(({ name }) => name);
    expect(names.filter((name) => name.includes("base"))).toEqual([]);
    expect(names.filter((name) => name.includes("head")).length).toBe(4);
    base.trainable = true;
    model.compile({ optimizer, loss: "meanSquaredError" });
    const then = await fit(model, batch(), 8);
    expect(numbers(base.getWeights()[0])).not.toEqual(frozen);
    expect(then[7]).toBeLessThan(first[3]);
    expect(head.getWeights().length).toBe(2);
  });

  it("what the update freezes takes no gradient, and is not written", async () => {
    await useBackend(backend);
    const [a, b] = [variable([1], `keep${backend}`), variable([1], `train${backend}`)];
    const update = partition({ frozen: freeze(), rest: sgd({ learningRate: 1 }) }, (path) =>
      path.startsWith("keep") ? "frozen" : "rest",
    );
    const { dataId } = a;
    new LanestepOptimizer(update).applyGradients([grad(a, [1]), grad(b, [1])]);
    expect(a.dataId).toBe(dataId);
    expect([numbers(a), numbers(b)]).toEqual([[1], [0]]);
  });

  it("two lists that take turns keep their optimizers", async () => {
    await useBackend(backend);
    const [g, d] = [variable([1, 2]), variable([3, 4])];
    const update = make();
    let met = 0;
    const initSync = update.initSync.bind(update);
    update.initSync = (...args) => {
      met += 1;
      return /** @type {any} */ (initSync(...args));
    };
    const optimizer = new LanestepOptimizer(update);
    for (let step = 0; step < 10; step++) optimizer.applyGradients([grad(step % 2 ? g : d, [1, step])]);
    expect(met).toBe(2);
  });

  it("a name that is given again has the state of the one before, unless its shape is another", async () => {
    await useBackend(backend);
    const name = `again${backend}`;
    const optimizer = new LanestepOptimizer(make());
    let x = variable([1, 2], name);
    optimizer.applyGradients([grad(x, [1, 1])]);
    x.dispose();
    x = variable([5, 6], name);
    optimizer.applyGradients([grad(x, [2, 0])]);
    const expected = make().initSync({ w: Float32Array.of(1, 2) });
    expected.step({ w: Float32Array.of(1, 1) });
    expected.params.w.set([5, 6]);
    expected.step({ w: Float32Array.of(2, 0) });
    expect(numbers(x)).toEqual([...expected.params.w]);
    x.dispose();
    x = variable([1, 2, 3], name);
    optimizer.applyGradients([grad(x, [1, 1, 1])]);
    expect(numbers(x)).toEqual(alone([1, 2, 3], [[1, 1, 1]]));
    x.dispose();
  });

  it("names may be odd: one below another, empty keys, keys of every object", async () => {
    await useBackend(backend);
    const names = ["a", "a/b", "a/b/c", "/x", "y//z", "__proto__/w", "constructor/data", "constructor/shape"];
    const all = names.map((name, i) => variable([i + 1], name));
    const optimizer = new LanestepOptimizer(sgd({ learningRate: 1 }));
    for (const some of [all.slice(1, 3), all, all.slice(0, 1), all]) {
      optimizer.applyGradients(some.map((x) => grad(x, numbers(x))));
    }
    for (const x of all) expect(numbers(x)).toEqual([0]);
    expect((await optimizer.save()).length).toBeGreaterThan(100);
    tf.dispose(all);
  });
});

describe("what cannot be stepped is refused, and nothing has changed", () => {
  it.each(
    /** @type {const} */ ([
      ["a name that is none", () => ({ nobody: tf.tensor1d([1]) }), /"nobody" is the name of no variable/],
      [
        "another shape",
        () => ({ ok: tf.tensor1d([1, 2]) }),
        /"ok" has a gradient of the shape \[2\], the variable has \[1\]/,
      ],
      [
        "a variable of integers",
        () => ({ whole: tf.tensor1d([1], "int32") }),
        /"whole" is a variable of int32, expected float32/,
      ],
      ["a boolean", () => ({ flag: tf.tensor1d([true], "bool") }), /"flag" is a variable of bool/],
      ["one that is not trainable", () => ({ fixed: tf.tensor1d([1]) }), /"fixed" is a variable that is not trainable/],
      ["a gradient of integers", () => ({ ok: tf.tensor1d([1], "int32") }), /"ok" has a gradient of int32/],
    ]),
  )("%s", async (_, grads, message) => {
    await useBackend("cpu");
    const all = [
      tf.variable(tf.tensor1d([1]), true, "ok"),
      tf.variable(tf.tensor1d([1], "int32"), true, "whole"),
      tf.variable(tf.tensor1d([true], "bool"), true, "flag"),
      tf.variable(tf.tensor1d([1]), false, "fixed"),
    ];
    const optimizer = new LanestepOptimizer(sgd({ learningRate: 1 }));
    const good = { name: "ok", tensor: tf.tensor1d([1]) };
    const bad = Object.entries(/** @type {Record<string, any>} */ (grads())).map(([name, tensor]) => ({
      name,
      tensor,
    }));
    expect(() => optimizer.applyGradients([good, ...bad])).toThrow(message);
    expect(numbers(all[0])).toEqual([1]);
    expect(optimizer.iterations).toBe(0);
    tf.dispose(all);
  });

  it("two gradients, a gradient that is gone, an optimizer that is", async () => {
    await useBackend("cpu");
    const x = variable([1], "x");
    const optimizer = new LanestepOptimizer(sgd({ learningRate: 1 }));
    expect(() => optimizer.applyGradients([grad(x, [1]), grad(x, [1])])).toThrow(/several gradients/);
    const gone = grad(x, [1]);
    gone.tensor.dispose();
    expect(() => optimizer.applyGradients([gone])).toThrow(/disposed/);
    expect(numbers(x)).toEqual([1]);
    optimizer.applyGradients([{ name: "x", tensor: /** @type {any} */ (null) }]);
    optimizer.dispose();
    expect(() => optimizer.applyGradients([grad(x, [1])])).toThrow(/disposed/);
    expect(numbers(x)).toEqual([1]);
    x.dispose();
  });

  it("no update, no option", () => {
    expect(() => new LanestepOptimizer(/** @type {any} */ (sgd))).toThrow(
      /first argument is a function.*call it|call it/,
    );
    expect(() => new LanestepOptimizer(sgd(), /** @type {any} */ ({ backends: "wasm" }))).toThrow(
      /did you mean backend/,
    );
    expect(() => new LanestepOptimizer(sgd(), /** @type {any} */ ({ backend: "cpu" }))).toThrow(
      /"wasm" or "reference"/,
    );
  });
});
