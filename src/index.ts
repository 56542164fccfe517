export { applyUpdates } from "./apply-updates.js";
export type { BackendInfo } from "./backends/backend.js";
export type { InitOptions } from "./backends/choose.js";
export type { SaveOptions } from "./checkpoint/save.js";
export { type Control, control } from "./control.js";
export { CheckpointError, DisposedError, NonFiniteError, StateError, TreeMismatchError } from "./errors.js";
export { type FunctionalState, type FunctionalUpdate, functional } from "./functional.js";
export { globalNorm } from "./global-norm.js";
export type { CarryReport } from "./optimizer/carry.js";
export type { LoadOptions, Optimizer, RuleState, SnapshotName } from "./optimizer/optimizer.js";
export type { Plan } from "./optimizer/plan.js";
export type { LeafStats, Stats } from "./optimizer/stats.js";
export * from "./optimizers.js";
export type { Scalar } from "./options.js";
export * from "./schedules/axon.js";
export type { Schedule } from "./schedules/schedule.js";
export type { NumericArray, ShapedLeaf, ZerosLeaf } from "./tree/leaf.js";
export type { Gradients, Leaf, Plain, Views } from "./tree/types.js";
export { chain, compose, identity, type RestoreOptions, type Update } from "./update.js";
export {
  type ScaleByAdamOptions,
  type ScaleByBeliefOptions,
  type ScaleByRadamOptions,
  type ScaleByYogiOptions,
  scaleByAdam,
  scaleByBelief,
  scaleByRadam,
  scaleByYogi,
} from "./updates/adam.js";
export {
  type AverageParamsOptions,
  averageParams,
  type EmaOptions,
  ema,
  type LookaheadOptions,
  lookahead,
} from "./updates/average.js";
export { centralize } from "./updates/centralize.js";
export { type ClipByGlobalNormOptions, type ClipOptions, clip, clipByGlobalNorm, zeroNans } from "./updates/clip.js";
export { stateful, stateless } from "./updates/custom.js";
export { type AddDecayedWeightsOptions, addDecayedWeights } from "./updates/decay.js";
export {
  type AccumulateOptions,
  accumulate,
  type SkipNonFiniteOptions,
  skipNonFinite,
} from "./updates/gates.js";
export { freeze, type Labels, type LeafInfo, masked, partition } from "./updates/groups.js";
export { type AddNoiseOptions, addNoise } from "./updates/noise.js";
export { type ReduceOnPlateauOptions, reduceOnPlateau } from "./updates/plateau.js";
export {
  type ScaleByRmsOptions,
  type ScaleByRssOptions,
  type ScaleByStddevOptions,
  scaleByRms,
  scaleByRss,
  scaleByStddev,
} from "./updates/rms.js";
export {
  type ScaleByLearningRateOptions,
  type ScaleOptions,
  scale,
  scaleByLearningRate,
  scaleBySchedule,
  scaleByState,
} from "./updates/scale.js";
export { type TraceOptions, trace } from "./updates/trace.js";
export { type ScaleByTrustRatioOptions, scaleByTrustRatio } from "./updates/trust.js";
