// @ts-check
// What the adapter does with memory: tensors that anyone holds never change, and none are left behind.

import { describe, expect, it } from "vitest";
import { adamw, chain, clipByGlobalNorm, sgd } from "../../src/index.ts";
import { LanestepOptimizer } from "../../src/tfjs/index.ts";
import { BACKENDS, batch, denseModel, fit, numbers, tf, useBackend } from "./support.mjs";

const counts = () => {
  const { numTensors, numBytes, numDataBuffers } = tf.memory();
  return { numTensors, numBytes, numDataBuffers };
};

describe.each(BACKENDS)("%s", (backend) => {
  it("1,000 steps leave as many tensors as one", async () => {
    await useBackend(backend);
    const model = denseModel();
    const { x, y } = batch();
    const variables = model.trainableWeights.map((weight) => /** @type {any} */ (weight).read());
    const optimizer = new LanestepOptimizer(chain(clipByGlobalNorm(), adamw({ decay: 0.01 })));
    const loss = () => /** @type {any} */ (tf.losses.meanSquaredError(y, /** @type {any} */ (model.apply(x))));
    const before = counts();
    optimizer.minimize(loss, false, variables);
    expect(counts()).toEqual(before);
    for (let step = 0; step < 1000; step++) optimizer.minimize(loss, false, variables);
    expect(counts()).toEqual(before);
    tf.tidy(() => {
      for (let step = 0; step < 10; step++) optimizer.minimize(loss, false, variables);
    });
    expect(counts()).toEqual(before);
    optimizer.dispose();
    expect(counts()).toEqual(before);
    tf.dispose([x, y]);
    model.dispose();
  });

  it("fit leaves none", async () => {
    await useBackend(backend);
    const model = denseModel();
    const data = batch();
    model.compile({ optimizer: new LanestepOptimizer(adamw()), loss: "meanSquaredError" });
    await fit(model, data, 1);
    const before = counts();
    await fit(model, data, 20);
    expect(counts()).toEqual(before);
  });

  it("saving again and again holds one set of tensors, until the optimizer is disposed of", async () => {
    await useBackend(backend);
    const x = tf.variable(tf.tensor1d([1, 2]));
    const optimizer = new LanestepOptimizer(adamw());
    const step = () => optimizer.minimize(() => x.square().sum().asScalar());
    step();
    const before = counts();
    await optimizer.getWeights();
    const once = counts();
    step();
    await optimizer.getWeights();
    expect(counts()).toEqual(once);
    optimizer.dispose();
    expect(counts()).toEqual(before);
    x.dispose();
  });

  it("a refused step leaves none", async () => {
    await useBackend(backend);
    const x = tf.variable(tf.tensor1d([1, 2]));
    const optimizer = new LanestepOptimizer(sgd({ learningRate: () => Number.NaN }));
    const before = counts();
    expect(() => optimizer.minimize(() => x.square().sum().asScalar(), true)).toThrow(/learningRate/);
    expect(counts()).toEqual(before);
    expect(optimizer.iterations).toBe(0);
    x.dispose();
  });

  it("no tensor that anyone holds ever changes", async () => {
    await useBackend(backend);
    const x = tf.variable(tf.randomNormal([40], 0, 1, "float32", 1));
    const y = tf.variable(tf.randomNormal([3, 5], 0, 1, "float32", 2));
    const optimizer = new LanestepOptimizer(adamw({ learningRate: 0.1, decay: 0.1 }));
    const loss = () => x.square().sum().add(y.abs().sum()).asScalar();
    /** @type {{ tensor: import("@tensorflow/tfjs").Tensor, was: number[] }[]} */
    const held = [];
    /** @type {{ array: ArrayLike<number>, was: number[] }[]} */
    const arrays = [];
    const hold = (/** @type {import("@tensorflow/tfjs").Tensor[]} */ ...tensors) => {
      for (const tensor of tensors) {
        held.push({ tensor, was: numbers(tensor) });
        const array = tensor.dataSync();
        arrays.push({ array, was: [...array] });
      }
    };
    const given = tf.tensor1d(new Float32Array(40).fill(0.5));
    for (let step = 0; step < 4; step++) {
      hold(x.clone(), y.clone(), x.reshape([8, 5]));
      const { value, grads } = optimizer.computeGradients(loss);
      hold(value, ...Object.values(grads), given);
      optimizer.applyGradients(grads);
    }
    for (let step = 0; step < 3; step++) {
      optimizer.applyGradients({ [x.name]: given });
      hold(x.clone());
    }
    const weights = await optimizer.getWeights();
    hold(...weights.map(({ tensor }) => tensor).filter(({ dtype }) => dtype !== "string"));
    x.assign(given);
    for (let step = 0; step < 3; step++) optimizer.minimize(loss);
    expect(held.length).toBe(4 * 7 + 3 + 5);
    for (const { tensor, was } of held) expect(numbers(tensor)).toEqual(was);
    for (const { array, was } of arrays) expect([...array]).toEqual(was);
    expect(numbers(x)).not.toEqual(numbers(given));
    tf.dispose([x, y]);
  });
});
