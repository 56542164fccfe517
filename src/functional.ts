import { formed } from "./apply-updates.ts";
import type { InitOptions } from "./backends/choose.ts";
import { TreeMismatchError } from "./errors.ts";
import type { Optimizer, RuleState } from "./optimizer/optimizer.ts";
import { isFrozen, writeLeaves } from "./optimizer/views.ts";
import type { PlacedRule } from "./program/chain.ts";
import type { Host } from "./program/values.ts";
import { isPlainObject, show } from "./show.ts";
import { buildTree, type Layout, type LayoutLeaf, matchTree, readTree, type Tree } from "./tree/layout.ts";
import type { FoundLeaf } from "./tree/leaf.ts";
import type { Gradients, Plain } from "./tree/types.ts";
import { chain, type Update } from "./update.ts";
import type { Told } from "./updates/rule.ts";

/** The state of {@link functional}: plain data, safe to post and to store. */
export interface FunctionalState<T> {
  /** Steps that changed parameters. */
  readonly count: number;
  /** What else is counted and remembered, by rule. */
  readonly host: Pick<Host, "counts" | "memories">;
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
    told?: Told,
  ): [updates: Plain<T>, state: FunctionalState<T>];
}

/**
 * The functional form of an update: plain trees in, plain trees out. For code ported from Axon or Optax; it copies
 * everything in and out in every call, so that `init` and `step` of {@link Update} are several times faster.
 *
 * @param update an update
 * @param options as those of `init`
 * @returns `init(params)`, a promise of the state, and `update(grads, state, params)`, the updates and the next state (a fourth
 *   argument is what `step` is told: `{ value: loss }`);
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

  const find = ({ form }: Tree) => optimizers.find(({ internals }) => internals.program.layout.form === form);
  const remember = (optimizer: Optimizer) => {
    optimizers.push(optimizer);
    return optimizer;
  };

  return {
    async init<const T>(params: T) {
      const optimizer = (await update.init(params, options)) as Optimizer<T>;
      const state = stateOf(optimizer);
      if (!find(optimizer.internals.program.layout)) remember(optimizer as Optimizer);
      return state;
    },
    update<const T>(grads: Gradients<T>, state: FunctionalState<T>, params: T, told: Told = {}) {
      const { tree, found } = readTree(params, "params");
      const optimizer = find(tree) ?? remember(update.initSync(params, options) as Optimizer);
      const { program, host, views, ready } = optimizer.internals;
      // All is checked before any of it is written.
      const { slots, custom } = readState(state, optimizer);
      matchTree(program.layout, grads, "grads", (leaf) => isFrozen(program, leaf));
      ready("update"); // a StateError where a rule calls this very function
      writeLeaves(views.leaves("params"), found);
      for (const [slot, leaves] of slots) writeLeaves(views.leaves(slot), leaves);
      host.count = state.count;
      host.counts = [...state.host.counts];
      host.memories = [...state.host.memories];
      host.custom = custom;
      let updates: unknown;
      try {
        optimizer.update(grads as Gradients<unknown>, told);
        updates = plainTree(program.layout, views.leaves("grads"));
      } finally {
        // Counts the step; the parameters here are the caller's copy. A NonFiniteError may leave updates of other groups.
        if (optimizer.internals.waits) optimizer.apply();
      }
      return [updates as Plain<T>, stateOf(optimizer) as FunctionalState<T>];
    },
  };
}

function stateOf<T>(optimizer: Optimizer<T>): FunctionalState<T> {
  const { counts, memories } = optimizer.internals.host;
  return {
    count: optimizer.count,
    host: { counts: [...counts], memories: [...memories] },
    rules: optimizer.snapshot("state"),
  };
}

/** By slot, its leaves; and by rule a user's own state. */
function readState(state: unknown, optimizer: Optimizer) {
  const { program, views, host } = optimizer.internals;
  const { layout, slots, chain } = program;
  const { count, rules, host: given } = (isPlainObject(state) ? state : {}) as Partial<FunctionalState<unknown>>;
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  const { counts, memories } = given ?? {};
  const isHost = Array.isArray(counts) && counts.every(isCount) && Array.isArray(memories);
  if (!isCount(count) || !Array.isArray(rules) || !isHost) {
    throw new TypeError(`update: state is ${show(state)}, expected what init or update returned`);
  }
  const read = { slots: new Map<number, (FoundLeaf | undefined)[]>(), custom: [...host.custom] };
  const walk = (placed: readonly PlacedRule[], states: unknown, at: string): void => {
    const found = Array.isArray(states) ? states.length : 0;
    if (found !== placed.length) {
      throw new TreeMismatchError(`"${at}" has ${found} rules, expected the ${placed.length} of this chain`);
    }
    placed.forEach(({ rule: { kind }, index, groups }, i) => {
      const own = (states as Record<string, unknown>[])[i];
      if (kind === "custom") read.custom[index] = own;
      slots.forEach(({ rule, name }, slot) => {
        if (rule !== index) return;
        const leaves = views.leaves(slot);
        const isAbsent = (leaf: LayoutLeaf) => leaves[leaf.index] === null;
        read.slots.set(slot, matchTree(layout, own?.[name], `${at}[${i}].${name}`, isAbsent));
      });
      for (const [label, inner] of groups) walk(inner, own?.[label], `${at}[${i}].${label}`);
    });
  };
  walk(chain.rules, rules, "state.rules");
  if (counts.length !== host.counts.length || memories?.length !== host.memories.length)
    throw new TreeMismatchError('"state.host" is that of another chain');
  return read;
}

/** A tree of fresh leaves, each of the kind that the parameters had; zeros where there are no updates. */
function plainTree({ leaves, skeleton }: Layout, updates: readonly (Float32Array | null)[]): unknown {
  return buildTree(skeleton, (i) => formed(leaves[i]!, updates[i]?.slice() ?? new Float32Array(leaves[i]!.length)));
}
