import { Array as JaxArray, numpy as np } from "@jax-js/jax";
import type { InitOptions } from "../backends/choose.ts";
import type { Optimizer } from "../optimizer/optimizer.ts";
import { isPlainObject, show } from "../show.ts";
import { requireUpdate, type Update } from "../update.ts";
import type { Told } from "../updates/rule.ts";
import { Arena, arraysOf, type Matched, readParams } from "./arena.ts";
import { consume, type Pytree, read, readSync, requireOwned, type Values } from "./pytree.ts";

/** The state of an optimizer, as `@jax-js/optax` types it: a pytree. */
export type OptState = Pytree;

/** A pair of functions, as `@jax-js/optax` has it. */
export interface GradientTransformation {
  init<Params extends Pytree>(params: Params): OptState;
  update<Params extends Pytree>(updates: Params, state: OptState, params?: Params): [Params, OptState];
}

/** What {@link gradientTransformation} returns: the pair, and what needs a promise or looks into a state. */
export interface LanestepTransformation extends GradientTransformation {
  /**
   * The state to begin with; consumes the parameters.
   *
   * @throws TypeError with the path for a leaf that is no float32 array; ReferenceError for one that was freed
   */
  init<Params extends Pytree>(params: Params): OptState;
  /** The same without blocking. */
  initAsync<Params extends Pytree>(params: Params): Promise<OptState>;
  /**
   * The updates and the next state; consumes gradients, state and parameters.
   *
   * @param params those that the gradients are of; without them those of the last call with its updates added
   * @param told `{ value: loss }`, a number, for `reduceOnPlateau`
   * @throws TreeMismatchError for another form; TypeError for a leaf that is no float32 array, and for what is no state;
   *   ReferenceError for an array, or a state, that was consumed; what lanestep's `step` throws: nothing is consumed then
   */
  update<Params extends Pytree>(grads: Params, state: OptState, params?: Params, told?: Told): [Params, OptState];
  /** The same without blocking: on `webgpu`, and wherever kernels run in workers. */
  updateAsync<Params extends Pytree>(
    grads: Params,
    state: OptState,
    params?: Params,
    told?: Told,
  ): Promise<[Params, OptState]>;
  /** The optimizer behind a state, to be looked at, saved or loaded into, and not to be stepped. Consumes nothing. */
  optimizerOf(state: OptState): Optimizer;
  /** The parameters that a state has come to, in fresh arrays. Consumes nothing. */
  paramsOf(state: OptState): Pytree;
}

/** Of the handles that states are; not what users' states hold. */
let handles = 0;

/**
 * An update in the form of `@jax-js/optax`: it stands where `adam(1e-3)` stood, and keeps the ownership rules of jax-js.
 *
 * A state is a handle on an arena. Consumed, its arena goes over to the next state, and no state is copied; kept by
 * `tree.ref(state)`, it stays what it was, and the next state gets an arena of its own.
 *
 * @param update an update
 * @param options those of lanestep's `init`
 * @returns `init(params)` and `update(grads, state, params)`; {@link applyUpdates} adds the updates
 * @throws TypeError for what is no update
 *
 * @example
 * ```js
 * const solver = gradientTransformation(adamw({ learningRate: 0.1 }));
 * let params = { w: np.array([1, 2]) };
 * let state = solver.init(tree.ref(params));
 * const gradient = grad((p) => np.square(p.w).sum());
 * for (let i = 0; i < 10; i++) {
 *   const [updates, next] = solver.update(gradient(tree.ref(params)), state, tree.ref(params));
 *   params = applyUpdates(params, updates);
 *   state = next;
 * }
 * solver.optimizerOf(state).count; // => 10
 * ```
 */
export function gradientTransformation(
  update: Update,
  options: Omit<InitOptions, "from"> = {},
): LanestepTransformation {
  requireUpdate(update, "gradientTransformation: argument 1");
  const arenas = new WeakMap<JaxArray, Arena>();

  const stateOf = (arena: Arena): OptState => {
    const handle = np.array(++handles, { dtype: np.uint32 });
    arenas.set(handle, arena);
    return { handle };
  };

  const find = (state: unknown): { handle: JaxArray; arena: Arena } => {
    const handle = isPlainObject(state) ? state.handle : undefined;
    const arena = handle instanceof JaxArray ? arenas.get(handle) : undefined;
    if (!arena) {
      throw new TypeError(
        `state is ${show(state)}, expected what init or update of the same transformation returned, outside of jit, grad and vmap`,
      );
    }
    if ((handle as JaxArray).refCount <= 0) {
      throw new ReferenceError("state was consumed by an update: tree.ref(state) keeps one");
    }
    return { handle: handle as JaxArray, arena };
  };

  const begin = (params: Pytree) => {
    const given = readParams(params);
    const finish = (values: Values): OptState => {
      requireOwned({ params: given.leaves }); // which may have been consumed while values were read
      const arena = Arena.start(update, given, values, options);
      consume(given.leaves);
      return stateOf(arena);
    };
    return { arrays: arraysOf(given.leaves), finish };
  };

  const advance = <Params extends Pytree>(
    given: unknown,
    state: OptState,
    givenParams: unknown,
    told: Told | undefined,
  ) => {
    const { arena } = find(state);
    const grads = arena.matchGrads(given);
    const params: Matched =
      givenParams === undefined ? { leaves: new Map(), arrays: [] } : arena.matchParams(givenParams);
    requireOwned({ grads: grads.leaves, params: params.leaves });

    const finish = (values: Values): [Params, OptState] => {
      const { handle } = find(state); // which may have been consumed while values were read, as these may have been
      requireOwned({ grads: grads.leaves, params: params.leaves });
      arena.inner.internals.ready("update"); // a StateError where another call is under way
      const next = handle.refCount > 1 ? arena.fork(update, options) : arena;
      const { inner } = next;
      next.writeParams(values.slice(grads.arrays.length));
      let updates: Pytree;
      try {
        inner.update(next.plain(values), told);
        updates = next.copy("grads");
      } finally {
        // Also where one group alone was skipped, and a NonFiniteError says so: the others go on, as in a step.
        if (inner.internals.waits) inner.apply();
      }
      for (const leaves of [grads.leaves, params.leaves]) consume(leaves);
      handle.dispose();
      return [updates as Params, stateOf(next)];
    };
    return { arrays: [...grads.arrays, ...params.arrays], finish };
  };

  return {
    init(params) {
      const { arrays, finish } = begin(params);
      return finish(readSync(arrays));
    },
    async initAsync(params) {
      const { arrays, finish } = begin(params);
      return finish(await read(arrays));
    },
    update<Params extends Pytree>(grads: Params, state: OptState, params?: Params, told?: Told) {
      const { arrays, finish } = advance<Params>(grads, state, params, told);
      return finish(readSync(arrays));
    },
    async updateAsync<Params extends Pytree>(grads: Params, state: OptState, params?: Params, told?: Told) {
      const { arrays, finish } = advance<Params>(grads, state, params, told);
      return finish(await read(arrays));
    },
    optimizerOf: (state) => find(state).arena.inner,
    paramsOf: (state) => find(state).arena.copy("params"),
  };
}
