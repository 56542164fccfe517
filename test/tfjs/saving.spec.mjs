// @ts-check
// Saved and loaded, steps go on bit for bit: with the model, as a file, in a session that counts names differently.

import { describe, expect, it } from "vitest";
import {
  accumulate,
  adam,
  adamw,
  chain,
  clipByGlobalNorm,
  control,
  lookahead,
  sgd,
  stateful,
} from "../../src/index.ts";
import { LanestepOptimizer, registerUpdate } from "../../src/tfjs/index.ts";
import { BACKENDS, batch, denseModel, fit, numbers, reload, tf, useBackend } from "./support.mjs";

const update = registerUpdate(
  "test_fine-tuning",
  chain(clipByGlobalNorm({ maxNorm: 0.5 }), adamw({ learningRate: (step) => 0.05 / (1 + step), decay: 0.01 })),
);

/** @param {import("@tensorflow/tfjs").LayersModel} model @param {LanestepOptimizer} [optimizer] */
function compiled(model, optimizer = new LanestepOptimizer(update)) {
  model.compile({ optimizer, loss: "meanSquaredError" });
  return { model, optimizer };
}
/** @param {import("@tensorflow/tfjs").LayersModel} model */
const weightsOf = (model) => model.getWeights().map(numbers);
/** @param {import("@tensorflow/tfjs").LayersModel} model */
const variablesOf = (model) => model.trainableWeights.map((weight) => /** @type {any} */ (weight).read());

describe.each(BACKENDS)("%s", (backend) => {
  it("a model saved with its optimizer goes on bit for bit", async () => {
    await useBackend(backend);
    const data = batch();
    const { model } = compiled(denseModel());
    await fit(model, data, 3);
    const again = await reload(model);
    expect(again.optimizer).toBeInstanceOf(LanestepOptimizer);
    expect(again.optimizer.iterations).toBe(6);
    const [more, same] = [await fit(model, data, 3), await fit(again, data, 3)];
    expect(same).toEqual(more);
    expect(weightsOf(again)).toEqual(weightsOf(model));
  });

  it("saved before its first step, and after it was loaded, too", async () => {
    await useBackend(backend);
    const data = batch();
    const { model } = compiled(denseModel());
    const fresh = await reload(model);
    await fit(model, data, 2);
    await fit(fresh, data, 2);
    expect(weightsOf(fresh)).toEqual(weightsOf(model));
    const twice = await reload(await reload(fresh));
    await fit(model, data, 2);
    await fit(twice, data, 2);
    expect(weightsOf(twice)).toEqual(weightsOf(model));
  });

  it.each([["in the same order"], ["in the other order"]])("two models built %s restore right", async (order) => {
    await useBackend(backend);
    const data = batch();
    // Of one form, so that nothing but their names tells them apart.
    const first = [compiled(denseModel({ seed: 1 })), compiled(denseModel({ seed: 5 }))];
    for (const { model } of first) await fit(model, data, 2);
    const files = await Promise.all(first.map(({ optimizer }) => optimizer.save()));
    const other = order === "in the other order";
    if (other) denseModel();
    const built = other ? [denseModel({ seed: 9 }), denseModel({ seed: 8 })].reverse() : [denseModel(), denseModel()];
    for (const [i, model] of built.entries()) {
      const next = compiled(model);
      model.setWeights(first[i].model.getWeights());
      await next.optimizer.load(files[i]);
      const more = await fit(first[i].model, data, 2);
      expect(await fit(model, data, 2)).toEqual(more);
      expect(weightsOf(model)).toEqual(weightsOf(first[i].model));
    }
  });

  it("save() and load() with the variables, of every kind of state", async () => {
    await useBackend(backend);
    const rate = control(0.05);
    const persistence = stateful(
      (/** @type {any} */ params) => ({ steps: 0, sizes: Float64Array.of(Object.keys(params).length) }),
      (updates, state) => [updates, { steps: state.steps + 1, sizes: state.sizes.map((x) => x / 3) }],
    );
    const rule = accumulate(chain(persistence, lookahead(adam({ learningRate: rate }), { every: 3 })), { every: 2 });
    const names = [`a${backend}`, `b${backend}`];
    const [one, two] = [denseModel({ names }), denseModel({ names, seed: 3 })];
    const data = batch();
    const { optimizer } = compiled(one, new LanestepOptimizer(rule));
    await fit(one, data, 5);
    rate.value = 0.02;
    const bytes = await optimizer.save({ metadata: { epoch: "5" } });
    rate.value = 1;
    const next = compiled(two, new LanestepOptimizer(rule)).optimizer;
    expect(await next.load(bytes, { variables: variablesOf(two) })).toEqual({ epoch: "5" });
    expect(rate.value).toBe(0.02);
    expect(weightsOf(two)).toEqual(weightsOf(one));
    expect(next.iterations).toBe(10);
    const through = new LanestepOptimizer(rule);
    await through.setWeights(await optimizer.getWeights());
    const three = compiled(denseModel({ names }), through).model;
    three.setWeights(one.getWeights());
    const more = await fit(one, data, 7);
    expect(await fit(two, data, 7)).toEqual(more);
    expect(await fit(three, data, 7)).toEqual(more);
  });

  it("variables that step apart keep their own counts", async () => {
    await useBackend(backend);
    const make = () => [tf.variable(tf.tensor1d([1, 2])), tf.variable(tf.tensor1d([3]))];
    const step = (/** @type {LanestepOptimizer} */ optimizer, /** @type {any} */ x) =>
      optimizer.minimize(() => x.square().sum().asScalar(), false, [x]);
    const [a, b] = make();
    const optimizer = new LanestepOptimizer(update);
    for (let i = 0; i < 5; i++) step(optimizer, a);
    step(optimizer, b);
    const bytes = await optimizer.save({ metadata: { of: "two" } });
    const weights = await optimizer.getWeights();
    for (const how of ["file", "weights"]) {
      const [c, d] = make();
      c.assign(a);
      d.assign(b);
      const next = new LanestepOptimizer(update);
      if (how === "file") expect(await next.load(bytes)).toEqual({ of: "two" });
      else await next.setWeights(weights);
      expect(next.iterations).toBe(6);
      const [e, f] = make();
      e.assign(a);
      f.assign(b);
      const straight = new LanestepOptimizer(update);
      await straight.load(bytes, { variables: [e, f] });
      for (let i = 0; i < 3; i++) {
        step(next, d);
        step(next, c);
        step(straight, f);
        step(straight, e);
      }
      const whole = new LanestepOptimizer(update);
      const [g, h] = make();
      for (let i = 0; i < 8; i++) step(whole, g);
      for (let i = 0; i < 4; i++) step(whole, h);
      expect([numbers(c), numbers(d)]).toEqual([numbers(g), numbers(h)]);
      expect([numbers(e), numbers(f)]).toEqual([numbers(g), numbers(h)]);
    }
  });

  it("state of layers that are frozen again is kept, and saved", async () => {
    await useBackend(backend);
    const data = batch();
    const { model, optimizer } = compiled(denseModel(), new LanestepOptimizer(adam({ learningRate: 0.05 })));
    await fit(model, data, 2);
    model.layers[0].trainable = false;
    compiled(model, optimizer);
    await fit(model, data, 2);
    const bytes = await optimizer.save();
    const twin = denseModel();
    twin.layers[0].trainable = false;
    twin.setWeights(model.getWeights());
    const next = new LanestepOptimizer(adam({ learningRate: 0.05 }));
    await next.load(bytes);
    compiled(twin, next);
    await fit(model, data, 1);
    await fit(twin, data, 1);
    for (const [one, own] of /** @type {const} */ ([
      [model, optimizer],
      [twin, next],
    ])) {
      one.layers[0].trainable = true;
      compiled(one, own);
    }
    await fit(model, data, 2);
    await fit(twin, data, 2);
    expect(weightsOf(twin)).toEqual(weightsOf(model));
  });
});

describe("refusals", () => {
  it("an update without a name cannot be saved in a model; one that is not there cannot be loaded", async () => {
    await useBackend("cpu");
    const { model } = compiled(denseModel(), new LanestepOptimizer(adam()));
    await expect(reload(model)).rejects.toThrow(/registerUpdate\("a name", update\)/);
    expect(() => LanestepOptimizer.fromConfig(LanestepOptimizer, { name: "nobody's" })).toThrow(
      /registerUpdate\("nobody's", update\)/,
    );
    expect(() => registerUpdate("", adam())).toThrow(/takes a name first/);
    expect(() => registerUpdate("x", /** @type {any} */ (adam))).toThrow(/call it/);
  });

  it("getConfig and fromConfig", () => {
    const optimizer = new LanestepOptimizer(update, { backend: "reference", stats: true });
    const config = optimizer.getConfig();
    expect(config).toEqual({ name: "test_fine-tuning", backend: "reference", stats: true });
    const again = LanestepOptimizer.fromConfig(LanestepOptimizer, config);
    expect(again.update).toBe(update);
    expect(again.getConfig()).toEqual(config);
    expect(again.getClassName()).toBe("LanestepOptimizer");
  });

  it("another chain, another shape, another library's weights: nothing has changed", async () => {
    await useBackend("cpu");
    const x = tf.variable(tf.tensor1d([1, 2]), true, "refused/x");
    const loss = () => x.square().sum().asScalar();
    const optimizer = new LanestepOptimizer(adam());
    optimizer.minimize(loss);
    const bytes = await optimizer.save();
    const other = new LanestepOptimizer(sgd({ momentum: 0.9 }));
    other.minimize(loss);
    await expect(other.load(bytes)).rejects.toThrow(/trace/);
    await expect(other.load(bytes.slice(0, 50))).rejects.toThrow();
    expect(other.iterations).toBe(1);
    other.minimize(loss);
    const theirs = tf.train.adam(0.1);
    theirs.minimize(loss);
    await expect(other.setWeights(await theirs.getWeights())).rejects.toThrow(/another optimizer/);
    x.dispose();
    const y = tf.variable(tf.tensor1d([1, 2, 3]), true, "refused/x");
    await optimizer.load(bytes);
    expect(() => optimizer.minimize(() => y.square().sum().asScalar())).toThrow(
      /has shape 3, "refused\/x" of the checkpoint 2/,
    );
    await expect(optimizer.load(bytes, { variables: [tf.variable(tf.scalar(1), true, "stranger")] })).rejects.toThrow(
      /no parameters of the variable "stranger"/,
    );
    y.dispose();
  });

  it("names that may mean several say so", async () => {
    await useBackend("cpu");
    const { model, optimizer } = compiled(denseModel());
    await fit(model, batch(), 1);
    const bytes = await optimizer.save();
    const three = tf.sequential({
      layers: [4, 4, 2].map((units) => tf.layers.dense({ units, inputShape: [4] })),
    });
    const next = new LanestepOptimizer(update);
    await next.load(bytes);
    compiled(three, next);
    await expect(fit(three, batch(), 1)).rejects.toThrow(/give the layers names of their own/);
  });
});
