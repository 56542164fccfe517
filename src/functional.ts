import { formed } from "./apply-updates.js";
import type { InitOptions } from "./backends/choose.js";
import { TreeMismatchError } from "./errors.js";
import { type Optimizer, type RuleState, writeLeaves } from "./optimizer.js";
import { isPlainObject, show } from "./show.js";
import { buildTree, type Layout, matchTree, readTree } from "./tree/layout.js";
import type { Gradients, Plain } from "./tree/types.js";
import { chain, type Update } from "./update.js";

/** The state of {@link functional}: plain data, safe to post and to store. */
export interface FunctionalState<T> {
  readonly count: number;
  /** Of each rule, as `optimizer.state`. */
  readonly rules: readonly RuleState<T>[];
}

/** An update as two functions that change nothing they are given, as Axon and Optax have it. */
export interface FunctionalUpdate {
  init<const T>(params: T): Promise<FunctionalState<T>>;
  update<const T>(
    grads: Gradients<T>,
    state: FunctionalState<T>,
    params: T,
  ): [updates: Plain<T>, state: FunctionalState<T>];
}

/**
 * The functional form of an update: plain trees in, plain trees out. For code ported from Axon or Optax; it copies
 * everything in and out in every call, so that `init` and `step` of {@link Update} are several times faster.
 *
 * @param update an update
 * @param options as those of `init`
 * @returns `init(params)`, a promise of the state, and `update(grads, state, params)`, the updates and the next state;
 *   {@link applyUpdates} adds the updates
 * @throws from `init` and `update` what {@link Update.init} and `step` throw
 *
 * @example
 * ```ts
 * const { init, update } = functional(adam({ learningRate: 0.1 }));
 * let params = { w: Float32Array.of(1, 2), b: 0.5 };
 * let state = await init(params);
 * const [updates, next] = update({ w: Float32Array.of(1, -1), b: 2 }, state, params);
 * params = applyUpdates(params, updates);
 * state = next;
 * params.b.toFixed(1); // => "0.4"
 * ```
 */
export function functional(update: Update, options: InitOptions = {}): FunctionalUpdate {
  const optimizers: Optimizer[] = [];
  chain(update); // refuses what is no update

  const find = (layout: Layout) => optimizers.find(({ internals }) => internals.layout.form === layout.form);
  const remember = (optimizer: Optimizer) => {
    optimizers.push(optimizer);
    return optimizer;
  };

  return {
    async init<const T>(params: T) {
      const optimizer = (await update.init(params, options)) as Optimizer<T>;
      const state: FunctionalState<T> = { count: 0, rules: optimizer.snapshot("state") };
      if (!find(optimizer.internals.layout)) remember(optimizer as Optimizer);
      return state;
    },
    update<const T>(grads: Gradients<T>, state: FunctionalState<T>, params: T) {
      const { layout, found } = readTree(params, "params");
      const optimizer = find(layout) ?? remember(update.initSync(params, options) as Optimizer);
      const { plane, program, custom, abandon } = optimizer.internals;
      // All is checked before any of it is written.
      const slots = readState(state, optimizer);
      matchTree(layout, grads, "grads");
      optimizer.zeroGrads(); // a StateError where a rule calls this very function
      writeLeaves(plane("params"), layout, found);
      slots.forEach((leaves, i) => {
        writeLeaves(plane(i), layout, leaves);
      });
      program.rules.forEach(({ rule }, i) => {
        if (rule.kind === "custom") custom[i] = state.rules[i];
      });
      abandon(state.count);
      optimizer.update(grads as Gradients<unknown>);
      const updates = plainTree(layout, plane("grads"));
      const next = { count: state.count + 1, rules: optimizer.snapshot("state") as RuleState<T>[] };
      abandon(state.count);
      return [updates as Plain<T>, next];
    },
  };
}

function readState(state: unknown, optimizer: Optimizer) {
  const { layout, program } = optimizer.internals;
  const { count, rules } = (isPlainObject(state) ? state : {}) as { count?: unknown; rules?: unknown };
  if (!Number.isSafeInteger(count) || (count as number) < 0 || !Array.isArray(rules)) {
    throw new TypeError(`update: state is ${show(state)}, expected what init or update returned`);
  }
  if (rules.length !== program.rules.length) {
    throw new TreeMismatchError(
      `"state" has ${rules.length} rules, expected the ${program.rules.length} of this chain`,
    );
  }
  return program.slots.map(({ rule, name }) => matchTree(layout, rules[rule]?.[name], `state.rules[${rule}].${name}`));
}

/** A tree of fresh leaves, each of the kind that the parameters had. */
function plainTree({ leaves, skeleton }: Layout, plane: Float32Array<ArrayBuffer>): unknown {
  return buildTree(skeleton, (i) => {
    const leaf = leaves[i]!;
    return formed(leaf, plane.slice(leaf.offset, leaf.offset + leaf.length));
  });
}
