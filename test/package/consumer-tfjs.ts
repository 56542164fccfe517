// The entry for TensorFlow.js, with its types. Compiled by types.mjs, never run.

import {
  type Optimizer,
  type Scalar,
  scalar,
  square,
  type Tensor,
  type Variable,
  variable,
} from "@tensorflow/tfjs-core";
import { adam, type Stats, type Update } from "lanestep";
import { LanestepOptimizer, type LanestepOptions, type NamedTensor, registerUpdate } from "lanestep/tfjs";

const update: Update = registerUpdate("mine", adam());
const options: LanestepOptions = { backend: "wasm", stats: true };
const own = new LanestepOptimizer(update, options);
export const optimizer: Optimizer = own;
const x: Variable = variable(scalar(1));
export const cost: Tensor | null = own.minimize(() => square(x) as Scalar, true, [x]);
own.applyGradients({ x: scalar(1) }, { value: 1 });
own.applyGradients([{ name: "x", tensor: scalar(1) }]);
export const stats: Stats | Promise<Stats> | null = own.stats();
const weights: NamedTensor[] = await own.getWeights();
await own.setWeights(weights);
const bytes: Uint8Array<ArrayBuffer> = await own.save({ metadata: { epoch: "1" } });
export const metadata: Readonly<Record<string, string>> = await own.load(bytes, { variables: [x], strict: false });
export const again: LanestepOptimizer = LanestepOptimizer.fromConfig<LanestepOptimizer>(
  LanestepOptimizer,
  own.getConfig(),
);
// @ts-expect-error: no update
new LanestepOptimizer(adam);
// @ts-expect-error: a misspelt option
new LanestepOptimizer(update, { backends: "wasm" });
// @ts-expect-error: a gradient that is no tensor
own.applyGradients({ x: 1 });
