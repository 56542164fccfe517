// What somebody writes who has the package alone: a line or more of every entry. Compiled by types.mjs, never run.

import {
  adam,
  adamw,
  applyUpdates,
  type BackendInfo,
  type CarryReport,
  chain,
  control,
  type FunctionalState,
  freeze,
  functional,
  type Gradients,
  globalNorm,
  type InitOptions,
  type Labels,
  type Leaf,
  type LeafInfo,
  type LeafStats,
  type LoadOptions,
  type Optimizer,
  type Plain,
  type Plan,
  partition,
  type RestoreOptions,
  type RuleState,
  type SaveOptions,
  type Scalar,
  type Schedule,
  type Stats,
  sgd,
  stateful,
  type Update,
  type Views,
} from "lanestep";
import { bake } from "lanestep/bake";
import { describe } from "lanestep/describe";
import { byPath, except } from "lanestep/glob";
import kernels from "lanestep/kernels.wasm";
import { readMetadata, readSafetensors } from "lanestep/safetensors";
import { oneCycle, warmupCosine } from "lanestep/schedules";
import warmed from "lanestep/warmed.wasm";

type Model = { dense: { w: Float32Array; b: number }; list: [Float32Array, { shape: number[] }] };

const learningRate: Scalar = control(1e-3);
const schedule: Schedule = warmupCosine({ peakValue: 1, warmupSteps: 2, decaySteps: 9 });
const rate: number = schedule(3) + oneCycle({ transitionSteps: 10, peakValue: 1 })(4);
const labels: Labels<"on" | "off"> = (path: string, leaf: LeafInfo) =>
  leaf.shape.length > 1 ? "on" : byPath({ "**": "off" as const })(path);
const update: Update = chain(
  partition({ on: adamw({ learningRate }), off: freeze() }, labels),
  sgd({ learningRate: schedule }),
);

const options: InitOptions = { kernels, module: warmed, stats: true };
const model: Model = { dense: { w: Float32Array.of(1), b: rate }, list: [Float32Array.of(1), { shape: [2] }] };
export const optimizer: Optimizer<Model> = await update.init(model, options);
const views: Views<Model> = optimizer.params;
const first: Float32Array = views.dense.b;
const grads: Gradients<Model> = optimizer.grads;
export const changed: boolean = optimizer.step(grads, { value: first[0] ?? 0 });
const stats: Stats = optimizer.stats();
const leaves: Readonly<Record<string, LeafStats>> | null = stats.leaves;
const info: BackendInfo = optimizer.backend;
const path: "linked" | "warmed" | "tiles" | "reference" | "shaders" = info.path;
const plan: Plan = update.plan({ w: { shape: [3] } });
const snapshot: Views<Model> = optimizer.snapshot("params");
export const plain: Plain<Model> = applyUpdates(model, snapshot);
export const state: RuleState<Model>[] = [...optimizer.state];

const saving: SaveOptions = { metadata: { epoch: String(stats.count) } };
const bytes = optimizer.save(saving);
const restoring: RestoreOptions = { options: "saved", strict: false };
const saved = await adam().restore(bytes, undefined, restoring);
const again = await update.restore<Model>(bytes);
const loading: LoadOptions = { only: "params" };
const report: CarryReport = await again.load(bytes, loading);
const grown = await update.restore(bytes, { w: Float32Array.of(1), v: 2 });
export const one: Float32Array = grown.params.v;
await update.init(model, { from: again });

const form = functional(adam());
const begun: FunctionalState<{ w: Float32Array }> = await form.init({ w: Float32Array.of(1) });
const [updates] = form.update({ w: Float32Array.of(1) }, begun, { w: Float32Array.of(1) });
export const applied: { w: Float32Array } = applyUpdates({ w: Float32Array.of(1) }, updates);
const leaf: Leaf = { data: [1, 2], shape: [2] };
export const own = stateful(
  (params: { w: Float32Array }) => params.w.length,
  (given: { w: Float32Array }, count) => [given, count + 1],
);
{
  using short = adam().initSync({ w: leaf });
  short.zeroGrads();
}

export const all: string[] = [
  describe(update),
  String(plan),
  path,
  JSON.stringify([leaves, snapshot, report, saved.count]),
];
export const baked: Uint8Array<ArrayBuffer> = bake(update);
export const read = [readMetadata(bytes), readSafetensors(bytes), except("**/bias")("bias"), globalNorm(snapshot)];

// Nothing of it is `any`: each of these is refused.
// @ts-expect-error: a misspelt option
adam({ lr: 1 });
// @ts-expect-error: a misspelt option of restore
update.restore(bytes, undefined, { strct: false });
// @ts-expect-error: gradients that are no numbers
optimizer.step({ dense: { w: "1" } });
// @ts-expect-error: a label that no update has
partition({ on: adam() }, () => "of");
// @ts-expect-error: no update
bake(adam);
// @ts-expect-error: a schedule lacks an option
oneCycle({ peakValue: 1 });
// @ts-expect-error: no matcher
except(1);
// @ts-expect-error: no bytes
readSafetensors("model.safetensors");
// @ts-expect-error: no update
describe(1);
