// Optimizers from checkpoints: made anew, or filled in. Loaded when it is first asked for.

import { type CarryReport, carry, paramName, planCarry, type Source, stateName } from "../carry.js";
import { isControl } from "../control.js";
import { CheckpointError, TreeMismatchError } from "../errors.js";
import type { LoadOptions, OptimizerInternals } from "../optimizer.js";
import { flag, type OptionSpec, option, readOptions } from "../options.js";
import { type Chain, placeRules, rulesFor } from "../program/chain.js";
import { readTree, type Tree } from "../tree/layout.js";
import { displayShape, type FoundLeaf } from "../tree/leaf.js";
import { displayPath } from "../tree/path.js";
import type { RestoreOptions } from "../update.js";
import type { BoundRule } from "../updates/rule.js";
import { type Checkpoint, changedOptions, optionOf, readCheckpoint, sourceOf } from "./source.js";

const restoreSpec = {
  strict: flag(true),
  options: option<"current" | "saved">(
    "current",
    '"current" or "saved"',
    (value) => value === "current" || value === "saved",
  ),
};

/** What `update.restore` needs to make an optimizer. */
export interface Restoring {
  readonly rules: readonly BoundRule[];
  readonly read: { readonly tree: Tree; readonly found: readonly FoundLeaf[] };
  readonly source: Source;
}

export function readRestore(
  bound: readonly BoundRule[],
  bytes: Uint8Array | ArrayBuffer,
  params: unknown,
  given: Pick<RestoreOptions, "strict" | "options">,
): Restoring {
  const { strict, options } = readOptions("restore", given, restoreSpec);
  const checkpoint = readCheckpoint(bytes);
  const changed = changedOptions(placeRules(bound), checkpoint.chain);
  const rules = options === "saved" ? withSaved(bound, checkpoint) : bound;
  const read = readTree(params ?? checkpoint.tree(), "params");
  const chain = placeRules(rules);
  checkNames(namesOf(chain, read.tree), checkpoint, strict);
  takeControls(chain, checkpoint);
  return { rules, read, source: sourceOf(checkpoint, options === "saved" ? [] : changed) };
}

const loadSpec = {
  only: option<"params" | undefined>(undefined, '"params"', (value) => value === undefined || value === "params"),
  strict: flag(true),
};

/** Fills an optimizer in; all is checked before any of it is written. */
export function load(parts: OptimizerInternals, bytes: Uint8Array | ArrayBuffer, given: LoadOptions): CarryReport {
  const { only, strict } = readOptions("load", given, loadSpec as unknown as OptionSpec<LoadOptions>);
  parts.ready("load");
  const checkpoint = readCheckpoint(bytes);
  const { program, views, host } = parts;
  const { chain, layout } = program;
  const names = namesOf(chain, layout);
  if (only === "params") {
    const params = new Map([...names].filter(([name]) => name.startsWith("params/")));
    const tensors = new Map([...checkpoint.tensors].filter(([name]) => name.startsWith("params/")));
    checkNames(params, { ...checkpoint, tensors }, strict);
    const carried = [...params.keys()].filter((name) => tensors.has(name));
    layout.leaves.forEach(({ path }, i) => {
      const tensor = tensors.get(paramName(path));
      if (tensor) views.leaves("params")[i]!.set(tensor.data);
    });
    const others = (all: Iterable<string>) => [...all].filter((name) => !carried.includes(name));
    return Object.freeze({
      carried,
      fresh: others(params.keys()),
      dropped: others(tensors.keys()),
      options: [],
      metadata: checkpoint.metadata,
    });
  }
  checkNames(names, checkpoint, strict);
  const source = sourceOf(checkpoint, changedOptions(chain, checkpoint.chain));
  const plan = planCarry(chain, layout, source);
  const births = host.births.map((born) => [...born]);
  program.births.forEach((birth, group) => {
    const { leaves } = layout.groups[group]!;
    const all = leaves.map(({ index }) => plan.host.births[plan.birthOf[index]!]!);
    const ofRules = (born: readonly number[]) => program.groups[group]!.rules.map(({ index }) => born[index]!);
    if (all.some((born) => ofRules(born).join() !== ofRules(all[0]!).join())) {
      throw new CheckpointError(
        "the checkpoint has leaves of different ages where this optimizer has one group: restore(bytes, params) makes a new one",
      );
    }
    for (const { index } of program.groups[group]!.rules) births[birth]![index] = all[0]![index]!;
  });
  takeControls(chain, checkpoint);
  host.births.splice(0, Number.POSITIVE_INFINITY, ...births);
  Object.assign(host, { count: plan.host.count, custom: plan.host.custom });
  host.counts.splice(0, Number.POSITIVE_INFINITY, ...plan.host.counts);
  host.memories.splice(0, Number.POSITIVE_INFINITY, ...plan.host.memories);
  return carry(program, views, source, () => {});
}

/** The tensors that a chain has for a tree, by name. */
function namesOf(chain: Chain, { leaves }: Pick<Tree, "leaves">) {
  type Named = { readonly shape: readonly number[]; readonly keys: Tree["leaves"][number]["keys"] };
  const names = new Map<string, Named>();
  for (const leaf of leaves) {
    names.set(paramName(leaf.path), leaf);
    const rules = rulesFor(leaf, chain.rules);
    if (rules.some(({ rule }) => rule.kind === "freeze")) continue;
    for (const { rule, address } of rules) {
      for (const slot of Object.keys(rule.slots)) names.set(stateName(address, slot, leaf.path), leaf);
    }
  }
  return names;
}

/** @throws TreeMismatchError for another shape; CheckpointError for other names, if `strict` */
function checkNames(names: ReturnType<typeof namesOf>, { tensors, chain }: Checkpoint, strict: boolean): void {
  for (const [name, { shape, keys }] of names) {
    const saved = tensors.get(name);
    if (!saved || displayShape(saved.shape) === displayShape(shape)) continue;
    throw new TreeMismatchError(
      `"${displayPath("params", keys)}" has shape ${displayShape(shape)}, "${name}" of the checkpoint ${displayShape(saved.shape)}`,
    );
  }
  if (!strict) return;
  const missing = [...names.keys()].filter((name) => !tensors.has(name));
  const unexpected = [...tensors.keys()].filter((name) => !names.has(name));
  if (missing.length + unexpected.length === 0) return;
  const parts = [
    ...(missing.length > 0 ? [`lacks ${listed(missing)}`] : []),
    ...(unexpected.length > 0 ? [`has ${listed(unexpected)}, which is not wanted here`] : []),
  ];
  const rules = chain.map(([address]) => address).join(", ");
  throw new CheckpointError(
    `the checkpoint ${parts.join(" and ")} (it was saved by the chain ${rules || "of no rules"}); { strict: false } takes what fits`,
  );
}

const listed = (names: readonly string[]): string => {
  const shown = names.slice(0, 5).map((name) => `"${name}"`);
  return shown.join(", ") + (names.length > 5 ? ` and ${names.length - 5} more` : "");
};

/** The chain with the saved options in the place of today's. */
function withSaved(rules: readonly BoundRule[], { chain }: Checkpoint): readonly BoundRule[] {
  const saved = new Map(chain);
  const walk = (bound: readonly BoundRule[], placed: ReturnType<typeof placeRules>["rules"]): BoundRule[] =>
    bound.map(({ rule, options }, i) => {
      const { address, groups } = placed[i]!;
      const then = saved.get(address) ?? {};
      const now = Object.entries(options).map(([name, value]) => {
        return [name, name in then ? optionOf(then[name]!, value) : value] as const;
      });
      const inner = rule.kind === "partition" ? [...rule.groups] : [];
      const walked = new Map(inner.map(([label, own]) => [label, walk(own, groups.get(label)!)]));
      return {
        rule: rule.kind === "partition" ? { ...rule, groups: walked } : rule,
        options: readOptions(rule.name, Object.fromEntries(now), rule.options),
      };
    });
  return walk(rules, placeRules(rules).rules);
}

/** Controls go on with the values that they had. */
function takeControls(chain: Chain, checkpoint: Checkpoint): void {
  const saved = new Map(checkpoint.chain);
  for (const { address, options } of chain.all) {
    for (const [name, now] of Object.entries(options)) {
      const then = saved.get(address)?.[name];
      if (isControl(now) && typeof then === "object" && then !== null && "control" in then) now.value = then.control;
    }
  }
}
