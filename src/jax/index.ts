// jax-js trains with an update of lanestep: the entry `lanestep/jax`.

export { applyUpdates } from "./apply-updates.ts";
export { type Grads, JaxOptimizer } from "./optimizer.ts";
export {
  type GradientTransformation,
  gradientTransformation,
  type LanestepTransformation,
  type OptState,
} from "./transformation.ts";
