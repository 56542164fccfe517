// @ts-check
// Where an optimizer of TensorFlow.js goes, the adapter goes.

import { describe, expect, it } from "vitest";
import { byPath } from "../../src/glob.ts";
import {
  accumulate,
  adamw,
  averageParams,
  chain,
  clipByGlobalNorm,
  control,
  partition,
  reduceOnPlateau,
  sgd,
  skipNonFinite,
} from "../../src/index.ts";
import { LanestepOptimizer } from "../../src/tfjs/index.ts";
import { BACKENDS, batch, denseModel, numbers, tf, useBackend } from "./support.mjs";

/** Variables by name, and 2·x as the gradient of each. @param {Record<string, readonly number[]>} values */
function variables(values) {
  const all = Object.fromEntries(
    Object.entries(values).map(([name, list]) => [name, tf.variable(tf.tensor1d([...list]), true, name)]),
  );
  const loss = () => /** @type {any} */ (tf.addN(Object.values(all).map((x) => x.square().sum())));
  return { all, loss, list: Object.values(all), dispose: () => tf.dispose(all) };
}

describe.each(BACKENDS)("%s", (backend) => {
  it("compile and fit, with callbacks and validation, as an optimizer made by hand would", async () => {
    await useBackend(backend);
    const { x, y } = batch();
    const update = () => chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate: 0.02, decay: 0.1 }));
    const model = denseModel({ names: ["one", "two"] });
    const twin = denseModel({ names: ["one", "two"] });
    model.compile({ optimizer: new LanestepOptimizer(update()), loss: "meanSquaredError", metrics: ["mse"] });
    /** @type {number[]} */
    const seen = [];
    const { history } = await model.fit(x, y, {
      epochs: 3,
      batchSize: 16,
      shuffle: false,
      verbose: 0,
      validationData: [x, y],
      callbacks: { onEpochEnd: (epoch, logs) => void seen.push(epoch, Number(logs?.val_loss)) },
    });
    expect(seen.length).toBe(6);
    expect(history.val_loss.length).toBe(3);

    const layers = Object.fromEntries(
      twin.layers.map((layer) => {
        const [kernel, bias] = layer.getWeights();
        return [layer.name, { kernel: { data: kernel.dataSync(), shape: kernel.shape }, bias: bias.dataSync() }];
      }),
    );
    const byHand = await update().init(/** @type {any} */ (layers));
    for (let step = 0; step < 3; step++) {
      const { grads } = tf.variableGrads(
        () => /** @type {any} */ (tf.losses.meanSquaredError(y, /** @type {any} */ (twin.apply(x)))),
        twin.trainableWeights.map((weight) => /** @type {any} */ (weight).read()),
      );
      const values = Object.values(grads).map((grad) => grad.dataSync());
      byHand.step(
        /** @type {any} */ ({
          one: { kernel: values[0], bias: values[1] },
          two: { kernel: values[2], bias: values[3] },
        }),
      );
      const tensors = ["one", "two"].flatMap((name) => {
        const { kernel, bias } = /** @type {any} */ (byHand.params)[name];
        return [kernel, bias];
      });
      twin.setWeights(twin.getWeights().map((weight, i) => tf.tensor(tensors[i].slice(), weight.shape)));
    }
    model.getWeights().forEach((weight, i) => {
      expect(numbers(weight)).toEqual(numbers(twin.getWeights()[i]));
    });
    expect(model.optimizer.iterations).toBe(3);
  });

  it("minimize returns the cost if asked, and steps what it is given", async () => {
    await useBackend(backend);
    const { all, loss, dispose } = variables({ a: [1, 2], b: [3] });
    const optimizer = new LanestepOptimizer(sgd({ learningRate: 0.25 }));
    const cost = optimizer.minimize(loss, true);
    expect(cost?.dataSync()[0]).toBe(14);
    expect([numbers(all.a), numbers(all.b)]).toEqual([[0.5, 1], [1.5]]);
    expect(optimizer.minimize(loss, false, [all.b])).toBe(null);
    expect([numbers(all.a), numbers(all.b)]).toEqual([[0.5, 1], [0.75]]);
    expect(optimizer.iterations).toBe(2);
    dispose();
  });

  it("computeGradients and applyGradients, by name and as a list", async () => {
    await useBackend(backend);
    const { all, loss, dispose } = variables({ a: [1], b: [2] });
    const optimizer = new LanestepOptimizer(sgd({ learningRate: 0.5 }));
    const { grads } = optimizer.computeGradients(loss);
    optimizer.applyGradients({ a: grads.a });
    expect([numbers(all.a), numbers(all.b)]).toEqual([[0], [2]]);
    optimizer.applyGradients([
      { name: "b", tensor: grads.b },
      { name: "a", tensor: /** @type {any} */ (null) },
    ]);
    expect([numbers(all.a), numbers(all.b)]).toEqual([[0], [0]]);
    dispose();
  });

  it("learning rates are schedules and controls", async () => {
    await useBackend(backend);
    const { all, loss, dispose } = variables({ a: [16] });
    const rate = control(0.25);
    const optimizer = new LanestepOptimizer(sgd({ learningRate: rate }));
    optimizer.minimize(loss);
    rate.value = 0.125;
    optimizer.minimize(loss);
    expect(numbers(all.a)).toEqual([6]);
    const scheduled = new LanestepOptimizer(sgd({ learningRate: (step) => (step === 0 ? 0.5 : 0) }));
    scheduled.minimize(loss);
    all.a.assign(tf.tensor1d([4]));
    scheduled.minimize(loss);
    expect(numbers(all.a)).toEqual([4]);
    expect(/** @type {any} */ (scheduled.stats()).rate).toBe(0);
    dispose();
  });

  it("values that someone else assigned are what a step begins with", async () => {
    await useBackend(backend);
    const { all, loss, dispose } = variables({ a: [1, 1], b: [1] });
    const optimizer = new LanestepOptimizer(sgd({ learningRate: 0.25 }));
    optimizer.minimize(loss);
    all.a.assign(tf.tensor1d([8, -8]));
    optimizer.minimize(loss);
    expect([numbers(all.a), numbers(all.b)]).toEqual([[4, -4], [0.25]]);
    dispose();
  });

  it("labels go by names, split at slashes", async () => {
    await useBackend(backend);
    const { all, loss, dispose } = variables({ "l1/kernel": [1], "l1/bias": [1], "l2/kernel": [1], "l2/bias": [1] });
    const update = partition(
      { slow: sgd({ learningRate: 0.125 }), fast: sgd({ learningRate: 0.5 }) },
      byPath({ "**/bias": "slow", "**": "fast" }),
    );
    new LanestepOptimizer(update).minimize(loss);
    expect(Object.values(all).map((x) => numbers(x)[0])).toEqual([0, 0.75, 0, 0.75]);
    dispose();
  });

  it("steps that change nothing leave the variables' tensors where they are", async () => {
    await useBackend(backend);
    const { all, loss, dispose } = variables({ a: [1] });
    const optimizer = new LanestepOptimizer(skipNonFinite(accumulate(sgd({ learningRate: 0.5 }), { every: 2 })));
    const { dataId } = all.a;
    optimizer.minimize(loss);
    expect(all.a.dataId).toBe(dataId);
    optimizer.applyGradients({ a: tf.tensor1d([Number.NaN]) });
    expect(all.a.dataId).toBe(dataId);
    optimizer.minimize(loss);
    expect(numbers(all.a)).toEqual([0]);
    expect(/** @type {any} */ (optimizer.stats()).skipped).toBe(1);
    dispose();
  });

  it("reduceOnPlateau is told the loss", async () => {
    await useBackend(backend);
    const { all, loss, dispose } = variables({ a: [1] });
    const stuck = () =>
      /** @type {any} */ (loss().mul(0).add(3).add(all.a.sum().mul(1)).sub(all.a.sum()).add(all.a.sum().mul(0)));
    const optimizer = new LanestepOptimizer(
      chain(sgd({ learningRate: 0.5 }), reduceOnPlateau({ patience: 2, factor: 0.5 })),
    );
    for (let step = 0; step < 4; step++) optimizer.minimize(stuck);
    expect(Object.values(/** @type {any} */ (optimizer.stats()).scales)).toEqual([0.5]);
    expect(() => optimizer.applyGradients({ a: tf.tensor1d([1]) })).toThrow(/wants a value/);
    optimizer.applyGradients({ a: tf.tensor1d([1]) }, { value: 1 });
    dispose();
  });

  it("swapAverage lends the variables their average", async () => {
    await useBackend(backend);
    const { all, loss, dispose } = variables({ a: [1], b: [4] });
    const optimizer = new LanestepOptimizer(
      chain(sgd({ learningRate: 0.25 }), averageParams({ decay: 0.5, debias: false })),
    );
    optimizer.minimize(loss, false, [all.a]);
    optimizer.minimize(loss, false, [all.b]);
    const own = [numbers(all.a), numbers(all.b)];
    optimizer.swapAverage();
    expect([numbers(all.a), numbers(all.b)]).toEqual([[0.75], [3]]);
    expect(() => optimizer.minimize(loss, false, [all.a])).toThrow(/swapAverage/);
    optimizer.swapAverage();
    expect([numbers(all.a), numbers(all.b)]).toEqual(own);
    dispose();
  });
});

it("goes on when the backend is another", async () => {
  await useBackend("cpu");
  const { all, loss, dispose } = variables({ a: [16] });
  const optimizer = new LanestepOptimizer(sgd({ learningRate: 0.25 }));
  for (const backend of ["cpu", "wasm", "cpu", "wasm"]) {
    await useBackend(backend);
    optimizer.minimize(loss);
  }
  expect(numbers(all.a)).toEqual([1]);
  dispose();
});

it("kernels of wasm, which keep what they made of weights, see the new ones", async () => {
  await useBackend("wasm");
  const filter = tf.variable(tf.randomNormal([2, 2, 1, 3], 0, 1, "float32", 5));
  const images = tf.randomNormal([2, 4, 4, 1], 0, 1, "float32", 3);
  const output = () => numbers(tf.conv2d(/** @type {any} */ (images), /** @type {any} */ (filter), 1, "valid"));
  const optimizer = new LanestepOptimizer(sgd({ learningRate: 1 }));
  const before = output();
  for (let step = 0; step < 3; step++) optimizer.applyGradients({ [filter.name]: tf.onesLike(filter) });
  const after = output();
  expect(after).not.toEqual(before);
  const copy = tf.tensor(filter.dataSync(), filter.shape);
  expect(after).toEqual(numbers(tf.conv2d(/** @type {any} */ (images), /** @type {any} */ (copy), 1, "valid")));
});
