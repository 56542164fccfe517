// Against Optax's formulas in operations of jax-js, which its own optimizers are made of: 50 steps from the same seeds.

import { defaultDevice, jit, numpy as np, tree, valueAndGrad } from "@jax-js/jax";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import * as lanestep from "../../src/index.ts";
import {
  applyUpdates,
  type GradientTransformation,
  gradientTransformation,
  JaxOptimizer,
  type OptState,
} from "../../src/jax/index.ts";
import { generator, startDevices } from "./support.ts";

const { adam, adamw, chain, clipByGlobalNorm, sgd } = lanestep;

const STEPS = 50;
/** Of losses, relative: what the order of operations in single precision makes. */
const TOLERANCE = 2e-5;

/** A perceptron, 6-8-3. */
type Params = { hidden: { kernel: np.Array; bias: np.Array }; out: { kernel: np.Array; bias: np.Array } };

/** What changes from step to step: an argument, so that jit compiles once. */
type Scalars = { correction1: np.Array; correction2: np.Array; rate: np.Array };
type Leaf = (g: np.Array, p: np.Array, slots: np.Array[], scalars: Scalars) => [update: np.Array, slots: np.Array[]];

/** A transformation of jax-js's operations, leaf by leaf; every function owns its arguments. */
function leafwise(slotCount: number, rate: (step: number) => number, leaf: Leaf): GradientTransformation {
  const run = jit(leaf);
  let t = 0;
  return {
    init: (params) => {
      const shapes = tree.leaves<np.Array>(params).map(({ shape }) => shape);
      tree.dispose(params);
      return shapes.map((shape) => Array.from({ length: slotCount }, () => np.zeros(shape)));
    },
    update: (grads, state, params) => {
      t += 1;
      const scalars = [1 - 0.9 ** t, 1 - 0.999 ** t, rate(t - 1)].map((value) => np.array(value));
      const [correction1, correction2, learningRate] = scalars;
      const [given, form] = tree.flatten<np.Array>(grads);
      const at = tree.leaves<np.Array>(params!);
      const made = given.map((g, i) =>
        run(g, at[i]!, (state as np.Array[][])[i]!, {
          correction1: correction1!.ref,
          correction2: correction2!.ref,
          rate: learningRate!.ref,
        }),
      );
      const updates = made.map(([update]) => update);
      return [tree.unflatten(form, updates) as typeof grads, made.map(([, slots]) => slots)];
    },
  };
}

/** As optax.adamw: decay is added behind Adam's direction, before the rate, and both are negated. */
const optaxAdamw = (rate: (step: number) => number, decay: number): GradientTransformation =>
  leafwise(2, rate, (g, p, [m, v], scalars) => {
    const mean = m!.mul(0.9).add(g.ref.mul(1 - 0.9));
    const square = v!.mul(0.999).add(np.square(g).mul(1 - 0.999));
    const divisor = np.sqrt(square.ref.div(scalars.correction2)).add(1e-8);
    const direction = mean.ref.div(scalars.correction1).div(divisor);
    return [direction.add(p.mul(decay)).mul(scalars.rate.neg()), [mean, square]];
  });

const optaxSgd = (rate: number, momentum: number, nesterov: boolean): GradientTransformation =>
  leafwise(
    1,
    () => rate,
    (g, p, [trace], scalars) => {
      tree.dispose([p, scalars.correction1, scalars.correction2]);
      const next = g.ref.add(trace!.mul(momentum));
      const x = nesterov ? g.ref.add(next.ref.mul(momentum)) : next.ref;
      g.dispose();
      return [x.mul(scalars.rate.neg()), [next]];
    },
  );

/** As optax.clip_by_global_norm, in front of another. */
function clipped(maxNorm: number, { init, update }: GradientTransformation): GradientTransformation {
  const clip = jit((leaves: np.Array[]) => {
    const squares = leaves.map((g) => np.square(g.ref).sum()).reduce((sum, square) => sum.add(square));
    const factor = np.array(maxNorm).div(np.maximum(np.sqrt(squares), maxNorm));
    const scaled = leaves.map((g) => g.mul(factor.ref));
    factor.dispose();
    return scaled;
  });
  return {
    init,
    update: (grads, state, params) => {
      const [leaves, form] = tree.flatten<np.Array>(grads);
      return update(tree.unflatten(form, clip(leaves)) as typeof grads, state, params);
    },
  };
}

const halving = (step: number) => 0.05 * 0.5 ** (step / 10);
const decayed = lanestep.exponentialDecay({ initValue: 0.05, decayRate: 0.5, transitionSteps: 10 });

const PAIRS: Record<string, [lanestep.Update, () => GradientTransformation]> = {
  "adam(0.05)": [adam({ learningRate: 0.05, epsRoot: 0 }), () => optaxAdamw(() => 0.05, 0)],
  "adam(0.05) with lanestep's epsRoot": [adam({ learningRate: 0.05 }), () => optaxAdamw(() => 0.05, 0)],
  "adam(schedule)": [adam({ learningRate: decayed, epsRoot: 0 }), () => optaxAdamw(halving, 0)],
  "adamw(0.05, { weightDecay: 0.1 })": [
    adamw({ learningRate: 0.05, decay: 0.1, epsRoot: 0 }),
    () => optaxAdamw(() => 0.05, 0.1),
  ],
  "adamw(schedule, { weightDecay: 0.1 })": [
    adamw({ learningRate: decayed, decay: 0.1, epsRoot: 0 }),
    () => optaxAdamw(halving, 0.1),
  ],
  "sgd(0.1)": [sgd({ learningRate: 0.1 }), () => optaxSgd(0.1, 0, false)],
  "sgd(0.1, { momentum: 0.9 })": [sgd({ learningRate: 0.1, momentum: 0.9 }), () => optaxSgd(0.1, 0.9, false)],
  "sgd(0.1, { momentum: 0.9, nesterov: true })": [
    sgd({ learningRate: 0.1, momentum: 0.9, nesterov: true }),
    () => optaxSgd(0.1, 0.9, true),
  ],
  "chain(clipByGlobalNorm(0.3), adamw(0.05, { weightDecay: 0.1 }))": [
    chain(clipByGlobalNorm({ maxNorm: 0.3 }), adamw({ learningRate: 0.05, decay: 0.1, epsRoot: 0 })),
    () =>
      clipped(
        0.3,
        optaxAdamw(() => 0.05, 0.1),
      ),
  ],
};

beforeAll(startDevices);
beforeEach(() => {
  defaultDevice("wasm");
});

describe.each([1, 2])(`seed %i: losses over ${STEPS} steps are those of Optax, within ${TOLERANCE} of them`, (seed) => {
  const next = generator(seed);
  const matrix = (rows: number, columns: number) =>
    np.array(Float32Array.from({ length: rows * columns }, next), { shape: [rows, columns] });
  const start = (): Params => {
    const layer = (inputs: number, outputs: number) => ({ kernel: matrix(inputs, outputs), bias: np.zeros([outputs]) });
    return { hidden: layer(6, 8), out: layer(8, 3) };
  };

  it.each(Object.entries(PAIRS))("%s", async (_name, [update, optax]) => {
    const params = start();
    const [x, y] = [matrix(32, 6), matrix(32, 3)];
    const predict = ({ hidden, out }: Params) => {
      const units = np.tanh(np.matmul(x.ref, hidden.kernel).add(hidden.bias));
      return np.matmul(units, out.kernel).add(out.bias);
    };
    const lossAndGrad = jit(valueAndGrad((p: Params) => np.square(predict(p).sub(y.ref)).mean()));

    const losses = (solver: GradientTransformation, add: typeof applyUpdates) => {
      let p = tree.ref(params);
      let state: OptState = solver.init(tree.ref(p));
      return Array.from({ length: STEPS }, () => {
        const [loss, grads] = lossAndGrad(tree.ref(p));
        const [updates, after] = solver.update(grads as Params, state, tree.ref(p));
        state = after;
        p = add(p, updates);
        return loss.item();
      });
    };
    const theirs = losses(optax(), (p, u) => tree.map((a: np.Array, b: np.Array) => a.add(b), p, u) as typeof p);
    const ours = losses(gradientTransformation(update), applyUpdates);
    const optimizer = await JaxOptimizer.init(update, tree.ref(params));
    let p = tree.ref(params);
    const inPlace = Array.from({ length: STEPS }, () => {
      const [loss, grads] = lossAndGrad(p);
      p = optimizer.step(grads as Params);
      return loss.item();
    });

    expect(theirs.at(-1)!).toBeLessThan(theirs[0]! * 0.9); // they learn: what stands still would agree as well
    for (const found of [ours, inPlace]) {
      const worst = Math.max(...found.map((loss, i) => Math.abs(loss / theirs[i]! - 1)));
      expect(worst).toBeLessThan(TOLERANCE);
    }
  });
});
