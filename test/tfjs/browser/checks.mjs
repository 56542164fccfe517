// @ts-check
// What runs in the page. A check returns figures to be shown, or throws.

import * as tf from "@tensorflow/tfjs-core";
import * as lanestep from "../../../dist/index.js";
import { LanestepOptimizer } from "../../../dist/tfjs.js";
import { train, use } from "./models.mjs";

const { accumulate, adam, adamw, averageParams, chain, clipByGlobalNorm, lookahead, partition, skipNonFinite } =
  lanestep;

/** Of losses and weights, relative to the largest of them. Measured: 2e-6 and 5e-5. */
const LOSSES = 2e-5;
const WEIGHTS = 5e-4;

/** @param {boolean} holds @param {string} what */
function check(holds, what) {
  if (!holds) throw new Error(what);
}

/** @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
const same = (a, b) => a.length === b.length && Array.from(a).every((x, i) => Object.is(x, b[i]));

/** Largest difference, relative to the largest magnitude. @param {ArrayLike<number>} a @param {ArrayLike<number>} b */
function apart(a, b) {
  check(a.length === b.length && a.length > 0, `${a.length} numbers, expected ${b.length}`);
  const scale = Math.max(...Array.from(b, Math.abs));
  const worst = Math.max(...Array.from(a, (x, i) => Math.abs(x - b[i])));
  return Number.isFinite(worst) ? worst / scale : Number.POSITIVE_INFINITY;
}

const updates = {
  adam: () => adam({ learningRate: 0.01, eps: 1e-7, epsRoot: 0 }),
  "adamw, clipped, decay on kernels": () =>
    chain(
      clipByGlobalNorm({ maxNorm: 0.5 }),
      partition({ decayed: adamw({ learningRate: 0.01, decay: 0.1 }), plain: adamw({ learningRate: 0.01 }) }, (path) =>
        path.at(-1) === "kernel" ? "decayed" : "plain",
      ),
    ),
};

/** How often a method is called while `body` runs. */
class Calls {
  count = 0;
  /** @param {any} object @param {readonly string[]} names */
  constructor(object, ...names) {
    this.undo = names.map((name) => {
      const own = Object.hasOwn(object, name);
      const method = object[name];
      const calls = this;
      object[name] = function (/** @type {unknown[]} */ ...args) {
        calls.count += 1;
        return method.apply(this, args);
      };
      return () => {
        if (own) object[name] = method;
        else delete object[name];
      };
    });
  }
  end() {
    for (const undo of this.undo) undo();
    return this.count;
  }
}

/** The way back from the device: everything that WebGPU and TensorFlow.js have for it. */
function countReads() {
  const reads = [
    new Calls(GPUBuffer.prototype, "mapAsync"),
    new Calls(tf.backend(), "read", "readSync"),
    new Calls(OffscreenCanvasRenderingContext2D.prototype, "getImageData"),
  ];
  return () => reads.reduce((sum, calls) => sum + calls.end(), 0);
}

/** The buffers that are made from now on, of labels that begin so, and not destroyed. */
function trackBuffers(prefix = "") {
  const { createBuffer } = GPUDevice.prototype;
  const { destroy } = GPUBuffer.prototype;
  /** @type {Set<GPUBuffer>} */
  const live = new Set();
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    if ((descriptor.label ?? "").startsWith(prefix)) live.add(buffer);
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    live.delete(this);
    return destroy.call(this);
  };
  return {
    live: () => live.size,
    end() {
      Object.assign(GPUDevice.prototype, { createBuffer });
      Object.assign(GPUBuffer.prototype, { destroy });
      return live.size;
    },
  };
}

/** @param {() => void} body @param {RegExp} words */
function throws(body, words) {
  let message = "nothing";
  try {
    body();
  } catch (error) {
    message = String(error);
  }
  check(words.test(message), `expected an error like ${words}, got ${message}`);
}

const device = () => /** @type {GPUDevice} */ (/** @type {any} */ (tf.backend()).device);

/** A model of two variables, and the loss of one batch. */
function small() {
  const kernel = tf.variable(tf.randomNormal([40, 12], 0, 1, "float32", 1), true, "small/kernel");
  const bias = tf.variable(tf.zeros([12]), true, "small/bias");
  const x = tf.randomNormal([16, 40], 0, 1, "float32", 2);
  const loss = () => /** @type {tf.Scalar} */ (tf.mean(tf.square(tf.sub(tf.add(tf.matMul(x, kernel), bias), 1))));
  return { kernel, bias, loss, dispose: () => tf.dispose([kernel, bias, x]) };
}

const values = async (/** @type {tf.Tensor} */ tensor) => {
  // A copy: data() keeps what it has read beside the tensor.
  const copy = tf.add(tensor, 0);
  const read = await copy.data();
  copy.dispose();
  return read;
};

/** @type {Record<string, () => Promise<string | void>>} */
export const checks = {
  async "50 steps, then model.fit: losses and weights of cpu, webgl and webgpu are the same"() {
    const make = () => new LanestepOptimizer(updates["adamw, clipped, decay on kernels"]());
    const cpu = await train("cpu", make, 50);
    check(cpu.losses[49] < 0.2 * cpu.losses[0], `it does not learn: ${cpu.losses}`);
    const words = [];
    for (const backend of ["webgl", "webgpu"]) {
      const other = await train(backend, make, 50);
      const losses = apart(other.losses, cpu.losses);
      const weights = Math.max(...other.weights.map((weight, i) => apart(weight, cpu.weights[i])));
      const found = `${backend}: losses ${losses.toExponential(1)}, weights ${weights.toExponential(1)} apart`;
      check(losses <= LOSSES && weights <= WEIGHTS, found);
      words.push(found);
    }
    return words.join("; ");
  },

  async "50 steps on webgpu: losses of tf.train.adam"() {
    const theirs = await train("webgpu", () => tf.train.adam(0.01, 0.9, 0.999, 1e-7), 50);
    const ours = await train("webgpu", () => new LanestepOptimizer(updates.adam()), 50);
    const losses = apart(ours.losses, theirs.losses);
    check(losses <= 1e-4, `losses ${losses} apart`);
    return `losses ${losses.toExponential(1)} apart`;
  },

  async "webgpu: nothing is read back, from the first step on"() {
    await use("webgpu");
    const { loss, kernel, dispose } = small();
    const before = await values(kernel);
    const optimizer = new LanestepOptimizer(updates["adamw, clipped, decay on kernels"]());
    const count = countReads();
    for (let i = 0; i < 70; i++) optimizer.minimize(loss);
    const reads = count();
    check(reads === 0, `${reads} reads`);
    check(!same(await values(kernel), before), "the variable has not changed");
    optimizer.dispose();
    dispose();
  },

  async "webgpu: 1,000 steps leave as many tensors and buffers as there were; no tensor that is held changes"() {
    await use("webgpu");
    const { loss, kernel, dispose } = small();
    const buffers = trackBuffers();
    const atFirst = kernel.clone();
    const wasFirst = await values(atFirst);
    const optimizer = new LanestepOptimizer(updates.adam());
    const steps = async (/** @type {number} */ count) => {
      for (let i = 0; i < count; i++) {
        optimizer.minimize(loss);
        if (i % 100 === 99) await device().queue.onSubmittedWorkDone();
      }
    };
    await steps(100);
    const later = kernel.clone();
    const wasLater = await values(later);
    await steps(100);
    const before = { ...tf.memory(), buffers: buffers.live() };
    await steps(1000);
    const after = { ...tf.memory(), buffers: buffers.live() };
    check(
      JSON.stringify(before) === JSON.stringify(after),
      `${JSON.stringify(before)} became ${JSON.stringify(after)}`,
    );
    check(same(await values(atFirst), wasFirst) && same(await values(later), wasLater), "a tensor has changed");
    check(!same(wasFirst, wasLater), "the variable has not");
    tf.dispose([atFirst, later]);
    optimizer.dispose();
    buffers.end();
    dispose();
    return JSON.stringify(after);
  },

  async "webgl: every gradient is read back once in a step"() {
    await use("webgl");
    const { loss, dispose } = small();
    const optimizer = new LanestepOptimizer(updates.adam());
    optimizer.minimize(loss);
    const reads = new Calls(tf.backend(), "readSync");
    for (let i = 0; i < 10; i++) optimizer.minimize(loss);
    const count = reads.end();
    check(count === 20, `${count} reads`);
    optimizer.dispose();
    dispose();
  },

  async "webgpu: values that the user assigns, and variables that come and go, as on cpu; nothing is read back"() {
    const run = async (/** @type {string} */ backend) => {
      await use(backend);
      const { loss, kernel, bias, dispose } = small();
      const optimizer = new LanestepOptimizer(
        lookahead(chain(averageParams(), adam({ learningRate: 0.02 })), { every: 4 }),
      );
      const steps = (/** @type {tf.Variable[]} */ ...list) => {
        for (let i = 0; i < 7; i++) optimizer.minimize(loss, false, list);
      };
      const count = backend === "webgpu" ? countReads() : () => 0;
      steps(kernel, bias);
      tf.tidy(() => kernel.assign(tf.mul(kernel, 0.5)));
      steps(kernel, bias);
      steps(kernel); // a set of its own, which goes on
      steps(kernel, bias);
      steps(bias);
      const reads = count();
      check(reads === 0, `${reads} reads`);
      const found = [await values(kernel), await values(bias)];
      optimizer.dispose();
      dispose();
      return found;
    };
    const expected = await run("cpu");
    const found = await run("webgpu");
    const worst = Math.max(...found.map((numbers, i) => apart(numbers, expected[i])));
    check(worst <= 1e-5, `${worst} apart`);
    return `${worst.toExponential(1)} apart`;
  },

  async "webgpu: a file, and the weights of an optimizer, go on there and on cpu"() {
    await use("webgpu");
    const update = () => chain(clipByGlobalNorm({ maxNorm: 1 }), adam({ learningRate: 0.02 }));
    const model = small();
    const optimizer = new LanestepOptimizer(update());
    for (let i = 0; i < 5; i++) optimizer.minimize(model.loss);
    const bytes = await optimizer.save();
    const weights = (await optimizer.getWeights()).map(({ name, tensor }) => ({ name, tensor: tensor.clone() }));
    const at = await Promise.all([values(model.kernel), values(model.bias)]);
    for (let i = 0; i < 5; i++) optimizer.minimize(model.loss);
    const expected = [...(await values(model.kernel)), ...(await values(model.bias))];
    optimizer.dispose();
    model.dispose();
    const words = [];
    for (const backend of ["webgpu", "cpu"]) {
      for (const way of ["load", "setWeights"]) {
        await use(backend);
        const again = small();
        const own = new LanestepOptimizer(update());
        if (way === "load") await own.load(bytes, { variables: [again.kernel, again.bias] });
        else await own.setWeights(weights);
        if (way === "setWeights") {
          tf.tidy(() => again.kernel.assign(tf.tensor(at[0], again.kernel.shape)));
          tf.tidy(() => again.bias.assign(tf.tensor(at[1], again.bias.shape)));
        }
        check(own.iterations === 5, `${own.iterations} iterations`);
        for (let i = 0; i < 5; i++) own.minimize(again.loss);
        const worst = apart([...(await values(again.kernel)), ...(await values(again.bias))], expected);
        words.push(`${backend} by ${way} ${worst.toExponential(1)}`);
        check(backend === "webgpu" ? worst === 0 : worst <= 1e-5, words.join());
        own.dispose();
        again.dispose();
      }
    }
    tf.dispose(weights.map(({ tensor }) => tensor));
    return words.join("; ");
  },

  async "webgpu: the average, statistics, and gradients that are gathered"() {
    await use("webgpu");
    const { loss, kernel, dispose } = small();
    const optimizer = new LanestepOptimizer(accumulate(chain(adam(), averageParams({ decay: 0.9 })), { every: 3 }), {
      stats: true,
    });
    const before = await values(kernel);
    optimizer.minimize(loss);
    optimizer.minimize(loss);
    check(same(await values(kernel), before), "the variable changed while gradients were gathered");
    optimizer.minimize(loss);
    const trained = await values(kernel);
    check(!same(trained, before), "the variable did not change");
    for (let i = 0; i < 3; i++) optimizer.minimize(loss);
    const last = await values(kernel);
    optimizer.swapAverage();
    const average = await values(kernel);
    optimizer.swapAverage();
    check(!same(average, last) && same(await values(kernel), last), "the average was not swapped");
    const { count, updateNorm } = /** @type {any} */ (await optimizer.stats());
    check(count === 2 && updateNorm > 0, `count ${count}, norm ${updateNorm}`);
    optimizer.dispose();
    dispose();
  },

  async "webgpu: what cannot be is refused in words, and nothing has changed"() {
    await use("webgpu");
    const { loss, kernel, dispose } = small();
    const before = await values(kernel);
    const skipping = new LanestepOptimizer(skipNonFinite(adam()));
    throws(() => skipping.minimize(loss), /"skipNonFinite" yet.*Use zeroNans\(\), or backend "wasm"/);
    const optimizer = new LanestepOptimizer(adam());
    optimizer.minimize(loss);
    const after = await values(kernel);
    await use("cpu");
    const x = tf.variable(tf.tensor1d([1, 2]));
    const there = () => /** @type {tf.Scalar} */ (tf.sum(x));
    throws(
      () => new LanestepOptimizer(adam(), { backend: "webgpu" }).minimize(there),
      /tf.setBackend\("webgpu"\) before, "cpu" is in use/,
    );
    throws(() => optimizer.applyGradients({ [kernel.name]: tf.zeros(kernel.shape) }), /"cpu" is in use now/);
    await use("webgpu");
    check(!same(before, after) && same(await values(kernel), after), "a variable has changed");
    optimizer.minimize(loss); // goes on
    check(!same(await values(kernel), after), "no step");
    tf.dispose(x);
    optimizer.dispose();
    dispose();
  },

  async "webgpu: where the device has no room, the next step says so; dispose() frees all"() {
    await use("webgpu");
    const { loss, dispose } = small();
    const { createBuffer, popErrorScope } = GPUDevice.prototype;
    /** @type {Promise<GPUError | null>[]} */
    const told = [];
    GPUDevice.prototype.popErrorScope = function () {
      const error = popErrorScope.call(this);
      told.push(error);
      return error;
    };
    GPUDevice.prototype.createBuffer = function (descriptor) {
      const isState = descriptor.label === "lanestep 0";
      return createBuffer.call(this, isState ? { ...descriptor, size: 2 ** 50 } : descriptor);
    };
    const optimizer = new LanestepOptimizer(adam());
    try {
      optimizer.minimize(loss);
    } finally {
      Object.assign(GPUDevice.prototype, { createBuffer, popErrorScope });
    }
    await Promise.all(told);
    await new Promise((resolve) => setTimeout(resolve)); // the stepper hears it a few turns later
    throws(() => optimizer.minimize(loss), /the device has no room for \d+ bytes of planes/);
    optimizer.dispose();

    const buffers = trackBuffers("lanestep");
    const other = new LanestepOptimizer(updates["adamw, clipped, decay on kernels"]());
    other.minimize(loss);
    const made = buffers.live();
    other.dispose();
    check(made > 0 && buffers.end() === 0, `${made} buffers, of which ${buffers.live()} are left`);
    dispose();
  },
};
