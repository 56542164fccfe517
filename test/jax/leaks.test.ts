import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { type Device, defaultDevice, grad, jit, numpy as np, tree } from "@jax-js/jax";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { byPath } from "../../src/glob.ts";
import { adamw, chain, clipByGlobalNorm, freeze, partition } from "../../src/index.ts";
import { applyUpdates, gradientTransformation, JaxOptimizer } from "../../src/jax/index.ts";
import { startDevices } from "./support.ts";

const STEPS = 1000;
/** Elements of the matrix that is trained: of what a step leaves behind, a thousand would be 16 MB. */
const SIZE = 64 * 64;

const update = chain(
  clipByGlobalNorm({ maxNorm: 1 }),
  partition({ frozen: freeze(), trained: adamw() }, byPath({ body: "frozen", "**": "trained" })),
);

type Params = { body: np.Array; head: np.Array; bias: np.Array };
const start = (): Params => ({
  body: np.array(
    Float32Array.from({ length: SIZE }, (_, i) => Math.sin(i)),
    { shape: [64, 64] },
  ),
  head: np.array(
    Float32Array.from({ length: SIZE }, (_, i) => Math.cos(i)),
    { shape: [64, 64] },
  ),
  bias: np.array(0.5),
});

/** Gradients of a kind, which are fresh arrays each time. */
const gradient = () =>
  jit(grad(({ body, head, bias }: Params) => np.square(head.add(body)).mean().add(np.square(bias))));

const FORMS: Record<string, () => Promise<() => Promise<void>>> = {
  "in place": async () => {
    const optimizer = await JaxOptimizer.init(update, start());
    const of = gradient();
    let params = optimizer.params();
    return async () => {
      params = optimizer.step(of(params));
    };
  },
  "in place, without blocking": async () => {
    const optimizer = await JaxOptimizer.init(update, start());
    const of = gradient();
    let params = optimizer.params();
    return async () => {
      params = await optimizer.stepAsync(of(params));
    };
  },
  "a pair of functions": async () => {
    const solver = gradientTransformation(update);
    const of = gradient();
    let params = start();
    let state = solver.init(tree.ref(params));
    return async () => {
      const [updates, next] = solver.update(of(tree.ref(params)), state, tree.ref(params));
      params = applyUpdates(params, updates);
      state = next;
    };
  },
  "a pair of functions, with refusals between": async () => {
    const solver = gradientTransformation(update);
    const of = gradient();
    let params = start();
    let state = solver.init(tree.ref(params));
    return async () => {
      const grads = of(tree.ref(params));
      const wrong = { ...params, bias: params.head } as Params;
      expect(() => solver.update(grads, state, wrong)).toThrow('"params.bias" has shape 64×64');
      await expect(solver.updateAsync(grads, state, wrong)).rejects.toThrow('"params.bias" has shape 64×64');
      const [updates, next] = await solver.updateAsync(grads, state, tree.ref(params));
      params = applyUpdates(params, updates);
      state = next;
    };
  },
};

beforeAll(startDevices);
afterEach(() => {
  vi.restoreAllMocks();
});

describe.each(Object.entries(FORMS))(
  `${STEPS.toLocaleString("en")} steps leave nothing behind: %s`,
  (_name, prepare) => {
    beforeEach(() => {
      defaultDevice("wasm" satisfies Device);
    });

    it("on wasm: the memory of jax-js, and that of lanestep, do not grow", async () => {
      const step = await prepare();
      for (let i = 0; i < 10; i++) await step();
      const grow = vi.spyOn(WebAssembly.Memory.prototype, "grow");
      for (let i = 0; i < STEPS; i++) await step();
      expect(grow).toHaveBeenCalledTimes(0);
    });

    it("on cpu: no array is kept", async () => {
      defaultDevice("cpu");
      setFlagsFromString("--expose-gc");
      const collect = runInNewContext("gc") as () => void;
      const bytes = async () => {
        for (let i = 0; i < 3; i++) {
          await new Promise((resolve) => setImmediate(resolve));
          collect();
        }
        return process.memoryUsage().arrayBuffers;
      };
      const step = await prepare();
      for (let i = 0; i < 3; i++) await step();
      const before = await bytes();
      for (let i = 0; i < 30; i++) await step();
      // One array more in each step would be 30 of them.
      expect(((await bytes()) - before) / (SIZE * 4)).toBeLessThan(10);
    });
  },
);
