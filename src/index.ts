export { applyUpdates } from "./apply-updates.ts";
export type { BackendInfo } from "./backends/backend.ts";
export type { InitOptions } from "./backends/choose.ts";
export type { GpuOptimizer } from "./backends/webgpu/optimizer.ts";
export type {
  AutoInitOptions,
  GpuBinding,
  GpuBindings,
  GpuInitOptions,
  GpuPlace,
  GpuPlaces,
} from "./backends/webgpu/types.ts";
export type { SaveOptions } from "./checkpoint/save.ts";
export { type Control, control } from "./control.ts";
export {
  CheckpointError,
  DeviceLostError,
  DisposedError,
  NonFiniteError,
  StateError,
  TreeMismatchError,
} from "./errors.ts";
export { type FunctionalState, type FunctionalUpdate, functional } from "./functional.ts";
export { globalNorm } from "./global-norm.ts";
export type { CarryReport } from "./optimizer/carry.ts";
export type { LoadOptions, Optimizer, RuleState, SnapshotName } from "./optimizer/optimizer.ts";
export type { Plan } from "./optimizer/plan.ts";
export type { LeafStats, Stats } from "./optimizer/stats.ts";
export * from "./optimizers.ts";
export type { Scalar } from "./options.ts";
export * from "./schedules/axon.ts";
export type { Schedule } from "./schedules/schedule.ts";
export type { NumericArray, ShapedLeaf, ZerosLeaf } from "./tree/leaf.ts";
export type { Gradients, Leaf, Plain, Views } from "./tree/types.ts";
export { chain, compose, identity, type RestoreOptions, type Update } from "./update.ts";
export {
  type ScaleByAdamaxOptions,
  type ScaleByAdamOptions,
  type ScaleByBeliefOptions,
  type ScaleByRadamOptions,
  type ScaleByYogiOptions,
  scaleByAdam,
  scaleByAdamax,
  scaleByBelief,
  scaleByRadam,
  scaleByYogi,
} from "./updates/adam.ts";
export {
  type AverageParamsOptions,
  averageParams,
  type EmaOptions,
  ema,
  type LookaheadOptions,
  lookahead,
} from "./updates/average.ts";
export { centralize } from "./updates/centralize.ts";
export { type ClipByGlobalNormOptions, type ClipOptions, clip, clipByGlobalNorm, zeroNans } from "./updates/clip.ts";
export { stateful, stateless } from "./updates/custom.ts";
export { type AddDecayedWeightsOptions, addDecayedWeights } from "./updates/decay.ts";
export {
  type AccumulateOptions,
  accumulate,
  type SkipNonFiniteOptions,
  skipNonFinite,
} from "./updates/gates.ts";
export { freeze, type Labels, type LeafInfo, masked, partition } from "./updates/groups.ts";
export { type AddNoiseOptions, addNoise } from "./updates/noise.ts";
export { type ReduceOnPlateauOptions, reduceOnPlateau } from "./updates/plateau.ts";
export {
  type ScaleByAdadeltaOptions,
  type ScaleByRmsOptions,
  type ScaleByRssOptions,
  type ScaleByStddevOptions,
  scaleByAdadelta,
  scaleByRms,
  scaleByRss,
  scaleByStddev,
} from "./updates/rms.ts";
export {
  type ScaleByLearningRateOptions,
  type ScaleOptions,
  scale,
  scaleByLearningRate,
  scaleBySchedule,
  scaleByState,
} from "./updates/scale.ts";
export { type ScaleByLionOptions, scaleByLion } from "./updates/sign.ts";
export { type TraceOptions, trace } from "./updates/trace.ts";
export { type ScaleByTrustRatioOptions, scaleByTrustRatio } from "./updates/trust.ts";
