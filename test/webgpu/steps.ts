// Whole chains over several steps, from host memory: against wasm in the same engine.

import * as lanestep from "../../src/index.ts";
import { deviation, expectClose } from "../support/close.ts";
import type { Check, Deviations } from "./check.ts";
import { STEPS_FROM_WASM } from "./tolerances.ts";

const STEPS = 8;

const wave = (length: number, by: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * by + by));

const tree = (by: number) => ({
  kernel: { data: wave(5000, by), shape: [50, 100] },
  wide: { data: wave(3 * 5003, 0.7 * by), shape: [3, 5003] },
  bias: wave(9, 0.3 * by),
  scale: Math.cos(by),
});

function chains(): Record<string, lanestep.Update> {
  const { chain, clipByGlobalNorm, scale } = lanestep;
  const rate = { learningRate: 0.01 };
  return {
    adadelta: lanestep.adadelta(),
    adamax: lanestep.adamax(rate),
    adamw: chain(clipByGlobalNorm({ maxNorm: 0.5 }), lanestep.adamw({ ...rate, decay: 0.1 })),
    adabelief: chain(lanestep.zeroNans(), lanestep.clip({ delta: 0.9 }), lanestep.adabelief(rate)),
    radam: lanestep.radam(rate),
    yogi: lanestep.yogi(rate),
    rmsprop: chain(clipByGlobalNorm({ maxNorm: 0.5, order: Number.POSITIVE_INFINITY }), lanestep.rmsprop(rate)),
    stddev: chain(lanestep.scaleByStddev(), lanestep.ema({ decay: 0.5 }), scale(-0.01)),
    adagrad: lanestep.lookahead(lanestep.adagrad(rate), { every: 3 }),
    lamb: chain(lanestep.lamb({ ...rate, decay: 0.1 }), lanestep.averageParams({ decay: 0.9 })),
    lion: lanestep.lion(rate),
    noisySgd: lanestep.noisySgd(rate),
    centralized: chain(lanestep.centralize(), lanestep.trace({ nesterov: true }), scale(-0.01)),
    momentum: lanestep.accumulate(chain(lanestep.addDecayedWeights({ decay: 0.1 }), lanestep.trace(), scale(-0.01)), {
      every: 2,
    }),
    groups: chain(
      clipByGlobalNorm({ maxNorm: 1 }),
      lanestep.partition(
        { a: lanestep.adam(), b: lanestep.sgd(), c: lanestep.freeze() },
        { kernel: "a", wide: "b", bias: "a", scale: "c" },
      ),
    ),
  };
}

async function run(update: lanestep.Update, device: GPUDevice): Promise<Deviations> {
  const wasm = update.initSync(tree(0.1), { backend: "wasm" });
  const gpu = await update.init(tree(0.1), { backend: "webgpu", device });
  for (let step = 0; step < STEPS; step++) {
    wasm.step(tree(0.2 + step));
    gpu.step(tree(0.2 + step));
  }
  const params: Record<string, Float32Array> = await gpu.read("params");
  const deviations = Object.entries(wasm.params).map(([leaf, expected]) => {
    expectClose(params[leaf]!, expected, STEPS_FROM_WASM, leaf);
    return deviation(params[leaf]!, expected).relative;
  });
  gpu.dispose();
  wasm.dispose();
  return { [`wasm (${STEPS_FROM_WASM.toExponential()} allowed)`]: Math.max(...deviations) };
}

export const stepsChecks = (): Check[] =>
  Object.entries(chains()).map(([name, update]) => ({
    name: `${name}: ${STEPS} steps within ${STEPS_FROM_WASM.toExponential()} of wasm`,
    run: (device) => run(update, device),
  }));
