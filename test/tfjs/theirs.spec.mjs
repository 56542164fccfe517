// @ts-check
// The tests that TensorFlow.js has of its optimizers, from the installed package, with the adapter in their place.

import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { adagrad, adam, adamax, rmsprop, sgd } from "../../src/index.ts";
import { LanestepOptimizer, registerUpdate } from "../../src/tfjs/index.ts";
import { lateAdadelta } from "./late-adadelta.mjs";
import { BACKENDS, tf, useBackend } from "./support.mjs";

const require = createRequire(import.meta.url);
const folder = join(dirname(require.resolve("@tensorflow/tfjs-core")), "optimizers");

/** What of a test does not hold of the adapter: how often, by the kind of what is expected. All else does. */
const departures = {
  // State is in lanestep's memory: there are fewer tensors, and none that dispose() takes away.
  "AdadeltaOptimizer: basic": { tensors: 1 },
  "AdagradOptimizer: basic": { tensors: 1 },
  "AdamOptimizer: basic": { tensors: 1 },
  "AdamaxOptimizer: basic": { tensors: 1 },
  "MomentumOptimizer: basic": { tensors: 2 },
  "MomentumOptimizer: basic - with Nesterov": { tensors: 2 },
  "RMSPropOptimizer: basic": { tensors: 1 },
  "RMSPropOptimizer: gradient with centered momentum": { tensors: 1 },
  // Weights have other names, and one more.
  "AdadeltaOptimizer: Save, load weights and continue training": { toEqual: 1 },
  "AdamOptimizer: Continue training after loading weights": { toEqual: 3 },
  "RMSPropOptimizer: Save and load weights: centered = false": { toEqual: 1 },
  "RMSPropOptimizer: Save, load weights and continue training: centered = true": { toEqual: 1 },
  "SGDOptimizer: Set and get weights: empty": { toEqual: 1 },
  // A learning rate that is left out has its default.
  "RMSPropOptimizer: must define learning rate": { toThrowError: 1 },
  // It loads the weights of Adagrad into Adam, which is refused.
  "AdagradOptimizer: Continue training after loading weights": { toEqual: 2, CheckpointError: 1 },
};

/** @type {Record<string, (...args: any[]) => import("../../src/index.ts").Update>} */
const updates = {
  adadelta: (learningRate, rho, eps) => lateAdadelta({ learningRate, rho, eps }),
  adagrad: (learningRate, initialAccumulatorValue = 0.1) => adagrad({ learningRate, initialAccumulatorValue }),
  adam: (learningRate, b1, b2, eps = 1e-7) => adam({ learningRate, b1, b2, eps, epsRoot: 0 }),
  adamax: (rate, b1, b2, eps = 1e-7, decay = 0) =>
    adamax({ learningRate: (step) => rate / (1 + decay * step), b1, b2, eps }),
  momentum: (learningRate, momentum, nesterov) => sgd({ learningRate, momentum, nesterov }),
  rmsprop: (learningRate, decay, momentum = 0, eps = 1e-7, centered = false) =>
    rmsprop({ learningRate, decay, momentum, eps, centered }),
  sgd: (learningRate) => sgd({ learningRate }),
};

/** @type {LanestepOptimizer[]} */
const made = [];

/** @param {string} name @param {any[]} args */
function make(name, args) {
  const optimizer = new LanestepOptimizer(registerUpdate(`theirs ${name} ${args}`, updates[name](...args)));
  made.push(optimizer);
  return optimizer;
}

/** How many tensors there are. */
class Count extends Number {}

const adapted = {
  ...tf,
  memory: () => ({ ...tf.memory(), numTensors: new Count(tf.memory().numTensors) }),
  train: Object.fromEntries(
    Object.keys(updates).map((name) => [name, (/** @type {any[]} */ ...args) => make(name, args)]),
  ),
  ...Object.fromEntries(
    Object.keys(tf).flatMap((name) => (/^[A-Z]\w+Optimizer$/.test(name) ? [[name, LanestepOptimizer]] : [])),
  ),
};

/** @typedef {{ name: string, run: () => unknown, failed: Record<string, number> }} Test */

/** The tests of a file, which note what does not hold, and go on. @param {string} file @returns {Test[]} */
function testsOf(file) {
  /** @type {Test[]} */
  const tests = [];
  let group = "";
  /** @type {Record<string, number>} */
  let failed = {};
  const note = (/** @type {string} */ kind, /** @type {() => void} */ check) => {
    try {
      check();
    } catch {
      failed[kind] = (failed[kind] ?? 0) + 1;
    }
  };
  const globals = {
    tf: adapted,
    Optimizer: tf.Optimizer,
    SGDOptimizer: class {
      constructor(/** @type {number} */ rate) {
        // biome-ignore lint/correctness/noConstructorReturn: what stands in for it is of another class.
        return make("sgd", [rate]);
      }
    },
    ALL_ENVS: {},
    describeWithFlags: (/** @type {string} */ name, /** @type {unknown} */ _, /** @type {() => void} */ fn) => {
      group = name;
      fn();
    },
    it: (/** @type {string} */ name, /** @type {() => unknown} */ fn) => {
      /** @type {Record<string, number>} */
      const own = {};
      const run = async () => {
        failed = own;
        try {
          await fn();
        } catch (error) {
          failed[/** @type {Error} */ (error).name] = 1;
        }
      };
      tests.push({ name: `${group}: ${name}`, run, failed: own });
    },
    expect: (/** @type {any} */ actual) =>
      new Proxy(
        {},
        {
          get:
            (_, matcher) =>
            (/** @type {any[]} */ ...args) => {
              const isCount = actual instanceof Count;
              const given = /** @type {any} */ (expect(isCount ? Number(actual) : actual));
              note(isCount ? "tensors" : String(matcher), () =>
                given[matcher](...args.map((arg) => (arg instanceof Count ? Number(arg) : arg))),
              );
            },
        },
      ),
    expectArraysClose: (/** @type {[any, any, number?]} */ ...args) =>
      note("numbers", () => tf.test_util.expectArraysClose(...args)),
  };
  const code = readFileSync(join(folder, file), "utf8").replace(/^import .*;$/gm, "");
  new Function(...Object.keys(globals), code)(...Object.values(globals));
  return tests;
}

describe.each(BACKENDS)("%s", (backend) => {
  const files = readdirSync(folder).filter((file) => file.endsWith("_test.js"));
  describe.each(files)("%s", (file) => {
    it.each(testsOf(file))("$name", async ({ name, run, failed }) => {
      await useBackend(backend);
      tf.engine().startScope();
      await run();
      tf.engine().endScope();
      tf.disposeVariables();
      for (const optimizer of made.splice(0)) optimizer.dispose();
      expect(tf.memory().numTensors).toBe(0);
      expect(failed).toEqual(/** @type {any} */ (departures)[name] ?? {});
    });
  });
});
