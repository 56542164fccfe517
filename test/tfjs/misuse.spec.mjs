// @ts-check
// What is used in another way than it is meant: variables that are gone, averages that stand in, arguments of another kind.

import { describe, expect, it } from "vitest";
import { adam, averageParams, chain, partition, reduceOnPlateau, sgd } from "../../src/index.ts";
import { LanestepOptimizer, registerUpdate } from "../../src/tfjs/index.ts";
import { BACKENDS, batch, denseModel, fit, numbers, reload, tf, useBackend } from "./support.mjs";

/** @param {readonly number[]} list @param {string} name */
const variable = (list, name) => tf.tidy(() => tf.variable(tf.tensor1d([...list]), true, name));
/** @param {Record<string, number[]>} lists */
const grads = (lists) => Object.fromEntries(Object.entries(lists).map(([name, list]) => [name, tf.tensor1d(list)]));
const averaging = () => chain(adam({ learningRate: 0.1 }), averageParams({ decay: 0.5 }));

/** A layer with a weight that no layer of TensorFlow.js has. */
class Gain extends tf.layers.Layer {
  static className = "TestGain";

  /** @override */
  build() {
    this.gain = this.addWeight("gain", [2], "float32", tf.initializers.ones());
    this.built = true;
  }

  /** @override @param {any} inputs */
  call(inputs) {
    return tf.tidy(() => tf.mul(Array.isArray(inputs) ? inputs[0] : inputs, /** @type {any} */ (this.gain).read()));
  }
}
tf.serialization.registerClass(Gain);

describe.each(BACKENDS)("%s", (backend) => {
  it("a variable of a set is assigned, and then disposed of", async () => {
    await useBackend(backend);
    const [a, b] = [variable([1, 2], "a"), variable([3], "b")];
    const optimizer = new LanestepOptimizer(averaging());
    optimizer.applyGradients(grads({ a: [1, 1], b: [1] }));
    b.assign(tf.tensor1d([5]));
    b.dispose();
    const { numTensors, numDataBuffers } = tf.memory();
    optimizer.swapAverage();
    optimizer.swapAverage();
    expect(tf.memory()).toMatchObject({ numTensors, numDataBuffers });
    const bytes = await optimizer.save();
    optimizer.applyGradients(grads({ a: [1, 1] }));
    const more = numbers(a);
    const next = new LanestepOptimizer(averaging());
    await next.load(bytes, { variables: [a] });
    next.applyGradients(grads({ a: [1, 1] }));
    expect(numbers(a)).toEqual(more);
    a.dispose();
  });

  it("heads that come and go leave nothing", async () => {
    await useBackend(backend);
    const body = variable([1], "body");
    const optimizer = new LanestepOptimizer(adam());
    for (let i = 0; i < 4; i++) {
      const head = variable([1], `head${i}`);
      optimizer.applyGradients(grads({ body: [1], [`head${i}`]: [1] }));
      head.dispose();
    }
    optimizer.applyGradients(grads({ body: [1] }));
    const names = (await optimizer.getWeights()).map(({ name }) => name);
    expect(names.filter((name) => /head[012]/.test(name))).toEqual([]);
    expect(names.some((name) => name.includes("body"))).toBe(true);
    body.dispose();
  });

  it("between two calls of swapAverage nothing steps, saves or loads, of any set", async () => {
    await useBackend(backend);
    const [a, b] = [variable([1, 2], "a"), variable([3], "b")];
    const optimizer = new LanestepOptimizer(averaging());
    for (let i = 0; i < 3; i++) optimizer.applyGradients(grads({ a: [1, 1] }));
    const [bytes, weights, own] = [await optimizer.save(), (await optimizer.getWeights()).slice(), numbers(a)];
    optimizer.swapAverage();
    const average = numbers(a);
    expect(average).not.toEqual(own);
    const stands = /while the average stands in the variables: swapAverage\(\) puts them back/;
    expect(() => optimizer.applyGradients(grads({ b: [1] }))).toThrow(stands);
    await expect(optimizer.save()).rejects.toThrow(/^save\(\) while the average stands/);
    await expect(optimizer.getWeights()).rejects.toThrow(stands);
    await expect(optimizer.load(bytes)).rejects.toThrow(stands);
    await expect(optimizer.setWeights(weights)).rejects.toThrow(stands);
    expect([numbers(a), numbers(b)]).toEqual([average, [3]]);
    optimizer.swapAverage();
    expect(numbers(a)).toEqual(own);

    const next = new LanestepOptimizer(averaging());
    await next.load(bytes);
    expect(() => next.swapAverage()).toThrow(/which variables.*give load\(\) the variables/);
    await next.load(bytes, { variables: [a] });
    next.swapAverage();
    expect(numbers(a)).toEqual(average);
    tf.dispose([a, b]);
  });

  it("weights of a layer of one's own are found, though they are counted when the model is loaded", async () => {
    await useBackend(backend);
    const model = denseModel();
    model.add(new Gain(/** @type {any} */ ({})));
    const update = registerUpdate("test_gain", adam({ learningRate: 0.05 }));
    model.compile({ optimizer: new LanestepOptimizer(update), loss: "meanSquaredError" });
    await fit(model, batch(), 3);
    const again = await reload(model);
    expect(again.trainableWeights.at(-1)?.name).toMatch(/\/gain_1$/);
    expect(await fit(again, batch(), 2)).toEqual(await fit(model, batch(), 2));
    const back = await reload(again);
    expect(await fit(back, batch(), 2)).toEqual(await fit(again, batch(), 2));
  });

  it("a number more is another variable where both are there", async () => {
    await useBackend(backend);
    const [one, other] = [variable([1], "scale/gain"), variable([1], "scale/gain_1")];
    const optimizer = new LanestepOptimizer(adam({ learningRate: 0.1 }));
    optimizer.applyGradients(grads({ "scale/gain": [1] }));
    const next = new LanestepOptimizer(optimizer.update);
    await next.load(await optimizer.save());
    next.applyGradients(grads({ "scale/gain_1": [-1], "scale/gain": [1] }));
    const alone = adam({ learningRate: 0.1 }).initSync({ w: Float32Array.of(1) });
    alone.step({ w: Float32Array.of(-1) });
    expect(numbers(other)).toEqual([...alone.params.w]);
    optimizer.applyGradients(grads({ "scale/gain_1": [-1], "scale/gain": [1] }));
    const names = async (/** @type {LanestepOptimizer} */ of) => (await of.getWeights()).map(({ name }) => name).sort();
    expect(await names(next)).toEqual(await names(optimizer));
    tf.dispose([one, other]);
  });

  it("reduceOnPlateau is told the loss in a partition, too", async () => {
    await useBackend(backend);
    const a = variable([1, 2], "a");
    const reduced = chain(sgd({ learningRate: 1 }), reduceOnPlateau({ patience: 1, factor: 0.5 }));
    const optimizer = new LanestepOptimizer(partition({ one: reduced, other: sgd() }, () => "one"));
    for (let i = 0; i < 6; i++) optimizer.minimize(() => a.mul(0).sum(), false, [a]);
    expect(Object.values(/** @type {any} */ (optimizer.stats()).scales)[0]).toBeLessThan(1);
    a.dispose();
  });
});

describe("arguments", () => {
  it.each(
    /** @type {const} */ ([
      ["nothing", () => undefined, /its first argument is undefined, expected gradients by name/],
      ["a tensor", () => tf.scalar(1), /its first argument is an instance of Tensor/],
      ["a Map", () => new Map([["x", tf.tensor1d([1])]]), /its first argument is an instance of Map/],
      ["a list of tensors", () => [tf.tensor1d([1])], /the list has an instance of Tensor at 0, expected \{ name/],
      ["a list of null", () => [null], /the list has null at 0/],
      ["numbers", () => ({ x: [1] }), /"x" has an array as its gradient, expected a tensor or null/],
    ]),
  )("%s is no gradients", async (_, given, message) => {
    await useBackend("cpu");
    const x = variable([1], "x");
    const optimizer = new LanestepOptimizer(sgd({ learningRate: 1 }));
    expect(() => optimizer.applyGradients(/** @type {any} */ (given()))).toThrow(message);
    expect([numbers(x), optimizer.iterations]).toEqual([[1], 0]);
    x.dispose();
  });

  it("of load, save and setWeights", async () => {
    await useBackend("cpu");
    const model = denseModel();
    const optimizer = new LanestepOptimizer(adam());
    model.compile({ optimizer, loss: "meanSquaredError" });
    await fit(model, batch(), 1);
    const bytes = await optimizer.save();
    const load = (/** @type {any} */ ...variables) => optimizer.load(bytes, { variables });
    await expect(load(...model.trainableWeights)).rejects.toThrow(/variables\[0\] is an instance of.*weight\.read\(\)/);
    await expect(load(null)).rejects.toThrow(/variables\[0\] is null/);
    const gone = variable([1], "gone");
    gone.dispose();
    await expect(load(gone)).rejects.toThrow(/is a variable that was disposed of/);
    const whole = tf.variable(tf.tensor1d([1], "int32"), true, "whole");
    await expect(load(whole)).rejects.toThrow(/is of int32, expected float32/);
    whole.dispose();
    await expect(optimizer.save(/** @type {any} */ ({ meta: {} }))).rejects.toThrow(/no option meta.*metadata/);
    await expect(optimizer.save({ metadata: { iterations: "1" } })).rejects.toThrow(/a name of the format's own/);
    await expect(optimizer.setWeights(/** @type {any} */ (undefined))).rejects.toThrow(/its argument is undefined/);
    expect(optimizer.iterations).toBe(2);
  });
});
