import { readOptions } from "../options.ts";
import { isPlainObject, show } from "../show.ts";
import { displayPath } from "../tree/path.ts";
import { requireUpdate, Update } from "../update.ts";
import type { FreezeRule, LabelledLeaf, PartitionRule } from "./rule.ts";

/** What a function of labels gets beside the path. */
export type LeafInfo = Pick<LabelledLeaf, "shape" | "length">;

/** A tree of labels, or a function of path and leaf. A label at a node holds for all leaves below it. */
export type Labels<Label> = Label | LabelTree<Label> | ((path: string, leaf: LeafInfo) => Label);

type LabelTree<Label> = readonly (Label | LabelTree<Label>)[] | { readonly [key: string]: Label | LabelTree<Label> };

/**
 * Other updates for other parameters. Leaves of one label lie side by side and take one pass together; state exists
 * only for the leaves that a rule applies to. A norm inside a group is that group's; around the partition it is the whole
 * tree's.
 *
 * @param updates an update for each label
 * @param labels a tree with the keys of the parameters and labels as leaves, of which one may stand for all below it; or
 *   `(path, leaf) => label`, path as `"dense0/kernel"`, leaf with `shape` and `length`
 * @returns an update; `optimizer.state[i][label]` holds the states of that label's rules
 * @throws TypeError for what is no update; from `init`, for a label without an update, with the path
 *
 * @example
 * ```ts
 * const update = partition(
 *   { matrices: adamw({ decay: 0.1 }), others: adam(), frozen: freeze() },
 *   (path, { shape }) => (path.startsWith("encoder/") ? "frozen" : shape.length > 1 ? "matrices" : "others"),
 * );
 * const dense = { kernel: { shape: [2, 2] }, bias: { shape: [2] } };
 * const optimizer = await update.init({ encoder: dense, head: dense });
 * Object.keys(optimizer.grads); // => ["head"]
 * ```
 *
 * Optax 0.2.8, `optax.partition`
 */
export function partition<Label extends string>(
  updates: Readonly<Record<Label, Update>>,
  labels: Labels<NoInfer<Label>>,
): Update {
  if (!isPlainObject(updates)) {
    throw new TypeError(`partition takes an object of updates by label, got ${show(updates)}`);
  }
  const groups = new Map<string, Update>(Object.entries(updates));
  for (const [label, update] of groups) requireUpdate(update, `partition: the update of ${show(label)}`);
  const expected = `expected one of ${[...groups.keys()].map(show).join(", ")}`;
  return grouped("partition", groups, labels, (label, where) => {
    if (typeof label === "string" && groups.has(label)) return label;
    throw new TypeError(`partition: the label of ${where} is ${show(label)}, ${expected}`);
  });
}

/**
 * An update for some parameters; for the others the updates stay as they are.
 *
 * @param update what is done where the mask is true
 * @param mask a tree with the keys of the parameters and booleans as leaves, of which one may stand for all below it; or
 *   `(path, leaf) => boolean`
 * @returns an update; `optimizer.state[i].true` holds the states of its rules
 * @throws TypeError for what is no update; from `init`, for what is no boolean, with the path
 *
 * @example
 * ```ts
 * const decay = masked(addDecayedWeights({ decay: 0.1 }), (_path, { shape }) => shape.length > 1);
 * const optimizer = await chain(decay, scale(-1)).init({ kernel: { data: [1], shape: [1, 1] }, bias: Float32Array.of(1) });
 * optimizer.step();
 * [optimizer.params.kernel[0]!.toFixed(2), optimizer.params.bias[0]]; // => ["0.90", 1]
 * ```
 *
 * Optax 0.2.8, `optax.masked`
 */
export function masked(update: Update, mask: Labels<boolean>): Update {
  requireUpdate(update, "masked: its first argument");
  const groups = new Map([
    ["true", update],
    ["false", new Update([])],
  ]);
  return grouped("masked", groups, mask, (label, where) => {
    if (typeof label === "boolean") return String(label);
    throw new TypeError(`masked: the mask of ${where} is ${show(label)}, expected true or false`);
  });
}

/**
 * Leaves parameters as they are: they take no gradients, no state, no pass. For a group of {@link partition}.
 *
 * `x ← 0`
 *
 * @returns an update without state; `step(grads)` wants no leaves for it, or null
 *
 * @example
 * ```ts
 * const update = partition({ train: sgd({ learningRate: 1 }), keep: freeze() }, { head: "train", body: "keep" });
 * const optimizer = await update.init({ head: Float32Array.of(1), body: { w: Float32Array.of(1) } });
 * optimizer.step({ head: Float32Array.of(1) });
 * [optimizer.params.head[0], optimizer.params.body.w[0]]; // => [0, 1]
 * ```
 *
 * Optax 0.2.8, `optax.set_to_zero`
 */
export function freeze(options: Record<never, never> = {}): Update {
  return new Update([{ rule: freezeRule, options: readOptions("freeze", options, {}) }]);
}

export const freezeRule = {
  kind: "freeze",
  name: "freeze",
  options: {},
  slots: {},
  tolerance: 0,
} as const satisfies FreezeRule;

function grouped(
  name: string,
  updates: ReadonlyMap<string, Update>,
  labels: unknown,
  check: (label: unknown, where: string) => string,
): Update {
  const rule: PartitionRule = {
    kind: "partition",
    name,
    options: {},
    slots: {},
    tolerance: 0,
    groups: new Map([...updates].map(([label, { rules }]) => [label, rules])),
    labelOf({ keys, path, shape, length }) {
      const label = typeof labels === "function" ? labels(path, { shape, length }) : labelAt(labels, keys);
      return check(label, `"${displayPath("params", keys)}"`);
    },
  };
  return new Update([{ rule, options: {} }]);
}

/** The label at a path, or at the last node of it that has one. */
function labelAt(labels: unknown, keys: readonly (string | number)[]): unknown {
  let at = labels;
  for (const key of keys) {
    if (typeof at !== "object" || at === null) return at;
    at = Object.hasOwn(at, key) ? (at as Record<string | number, unknown>)[key] : undefined;
  }
  return at;
}
