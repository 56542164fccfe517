// Optimizers from checkpoints: made anew, or filled in. Loaded when it is first asked for.

import { isControl } from "../control.ts";
import { CheckpointError, TreeMismatchError } from "../errors.ts";
import { type CarryReport, carry, paramName, planCarry, type Source, stateName } from "../optimizer/carry.ts";
import type { LoadOptions, OptimizerInternals } from "../optimizer/optimizer.ts";
import { flag, type OptionSpec, option, readOptions } from "../options.ts";
import { type Chain, placeRules, rulesFor } from "../program/chain.ts";
import { isPlainObject } from "../show.ts";
import { readTree, type Tree } from "../tree/layout.ts";
import { displayShape, type FoundLeaf, sameShape } from "../tree/leaf.ts";
import { displayPath } from "../tree/path.ts";
import { type AnyInitOptions, startSpec } from "../update.ts";
import type { BoundRule } from "../updates/rule.ts";
import { type Checkpoint, changedOptions, isCount, optionOf, readCheckpoint, sourceOf } from "./source.ts";

/** What `update.restore` needs to make an optimizer. */
export interface Restoring {
  readonly rules: readonly BoundRule[];
  readonly read: { readonly tree: Tree; readonly found: readonly FoundLeaf[] };
  readonly source: Source;
  /** Options of `init` among those that were given. */
  readonly checked: AnyInitOptions;
  /** To be called when all has gone well. */
  takeControls(): void;
}

const restoreSpec = {
  ...startSpec,
  strict: flag(true),
  options: option<"current" | "saved">(
    "current",
    '"current" or "saved"',
    (value) => value === "current" || value === "saved",
  ),
};

export function readRestore(
  bound: readonly BoundRule[],
  bytes: Uint8Array | ArrayBuffer,
  params: unknown,
  given: object,
): Restoring {
  const entries = isPlainObject(params) ? Object.entries(params) : [];
  if (
    entries.length > 0 &&
    entries.every(([name, value]) => Object.hasOwn(restoreSpec, name) && typeof value !== "object")
  ) {
    throw new TypeError("restore takes its options third: restore(bytes, undefined, { … })");
  }
  const { strict, options, ...checked } = readOptions("restore", given, restoreSpec);
  const checkpoint = readCheckpoint(bytes, "restore");
  const changed = changedOptions(placeRules(bound), checkpoint.chain);
  const rules = options === "saved" ? withSaved(bound, checkpoint) : bound;
  const read = params === undefined ? readSaved(checkpoint) : readTree(params, "params");
  const chain = placeRules(rules);
  checkNames(namesOf(chain, read.tree), chain, checkpoint, strict);
  return {
    rules,
    read,
    source: sourceOf(checkpoint, options === "saved" ? [] : changed),
    checked: checked as AnyInitOptions,
    takeControls: controlsOf(chain, checkpoint),
  };
}

/** The saved tree, as `init` would read it. @throws CheckpointError where it is none, or not that of the saved leaves */
function readSaved(checkpoint: Checkpoint): Restoring["read"] {
  const wrong = (why: unknown) =>
    new CheckpointError(`the checkpoint's metadata "tree" is no tree of parameters: ${why}`);
  let read: Restoring["read"];
  try {
    read = readTree(checkpoint.tree(), "params");
  } catch (error) {
    throw wrong((error as Error).message);
  }
  for (const { path, kind } of read.tree.leaves) {
    const saved = checkpoint.leaves.get(path);
    if (saved !== kind && !(saved === "zeros" && kind === "shaped")) throw wrong(`"${path}" is not among its leaves`);
  }
  return read;
}

const loadSpec = {
  only: option<"params" | undefined>(undefined, '"params"', (value) => value === undefined || value === "params"),
  strict: flag(true),
};

/** Fills an optimizer in; all is checked before any of it is written. */
export function load(
  parts: Pick<OptimizerInternals, "program" | "host" | "views" | "ready">,
  bytes: Uint8Array | ArrayBuffer,
  given: LoadOptions,
): CarryReport {
  const { only, strict } = readOptions("load", given, loadSpec as unknown as OptionSpec<LoadOptions>);
  parts.ready("load");
  const checkpoint = readCheckpoint(bytes, "load");
  const { program, views, host } = parts;
  const { chain, layout } = program;
  const names = namesOf(chain, layout);
  if (only === "params") {
    const params = new Map([...names].filter(([name]) => name.startsWith("params/")));
    const tensors = new Map([...checkpoint.tensors].filter(([name]) => name.startsWith("params/")));
    checkNames(params, null, { ...checkpoint, tensors }, strict);
    const carried = [...params.keys()].filter((name) => tensors.has(name));
    layout.leaves.forEach(({ path }, i) => {
      const tensor = tensors.get(paramName(path));
      if (tensor) views.leaves("params")[i]!.set(tensor.data);
    });
    const taken = new Set(carried);
    const others = (all: Iterable<string>) => [...all].filter((name) => !taken.has(name));
    return Object.freeze({
      carried,
      fresh: others(params.keys()),
      dropped: others(tensors.keys()),
      options: [],
      metadata: checkpoint.metadata,
    });
  }
  checkNames(names, chain, checkpoint, strict);
  const source = sourceOf(checkpoint, changedOptions(chain, checkpoint.chain));
  const plan = planCarry(chain, layout, source);
  // Leaves that this optimizer takes to be of one age may be of different ones in the file.
  const known = host.births.map(() => new Map<number, number>());
  for (const { index, group } of layout.leaves) {
    const born = plan.host.births[plan.birthOf[index]!]!;
    for (const { index: rule } of program.groups[group]?.rules ?? []) {
      const own = known[program.births[group]!]!;
      if ((own.get(rule) ?? born[rule]) !== born[rule]) {
        throw new CheckpointError(
          "the checkpoint has leaves of different ages where this optimizer has one group: restore(bytes, params) makes a new one",
        );
      }
      own.set(rule, born[rule]!);
    }
  }
  const births = host.births.map((born, birth) => born.map((old, rule) => known[birth]!.get(rule) ?? old));
  controlsOf(chain, checkpoint)();
  host.births = births;
  host.count = plan.host.count;
  // A user's own state that the file lacks goes on: what its function makes of parameters may be anything.
  host.custom = host.custom.map((state, i) => (source.rules.has(chain.all[i]!.address) ? plan.host.custom[i] : state));
  host.counts = plan.host.counts;
  host.memories = plan.host.memories;
  return carry(program, views, source);
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

/**
 * @param now null where parameters alone are wanted
 * @throws TreeMismatchError for another shape; CheckpointError for other names, if `strict`, and for what rules remember
 *   in another form
 */
function checkNames(
  names: ReturnType<typeof namesOf>,
  now: Chain | null,
  checkpoint: Checkpoint,
  strict: boolean,
): void {
  const { tensors, chain, host } = checkpoint;
  for (const [name, { shape, keys }] of names) {
    const tensor = tensors.get(name);
    if (!tensor || sameShape(tensor.shape, shape)) continue;
    throw new TreeMismatchError(
      `"${displayPath("params", keys)}" has shape ${displayShape(shape)}, "${name}" of the checkpoint ${displayShape(tensor.shape)}`,
    );
  }
  const saved = new Map(chain.map(([address], i) => [address, host.memories[i]!] as const));
  const remembered = new Set<string>();
  for (const { rule, address } of now?.all ?? []) {
    const initial = memoryOf(rule);
    if (initial || (rule.kind === "custom" && rule.init)) remembered.add(address);
    const memory = saved.get(address);
    if (memory === undefined) continue;
    if (rule.kind === "gate" && !Object.values(memory ?? {}).every(isCount)) {
      throw new CheckpointError(`the checkpoint has counts of "${address}" that are none`);
    }
  }
  if (!strict) return;
  const isKept = (i: number) => host.memories[i] !== null || host.custom[i] !== null;
  const lost = now ? chain.flatMap(([address], i) => (isKept(i) && !remembered.has(address) ? [address] : [])) : [];
  const without = (all: readonly string[], some: Iterable<string>) => {
    const named = [...some].map((address) => `state/${address}`);
    // Where a rule has tensors, they stand for it.
    return [...all, ...named.filter((name) => !all.some((other) => other.startsWith(`${name}/`)))];
  };
  const missing = without(
    [...names.keys()].filter((name) => !tensors.has(name)),
    [...remembered].filter((address) => !saved.has(address)),
  );
  const unexpected = without(
    [...tensors.keys()].filter((name) => !names.has(name)),
    lost,
  );
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

const memoryOf = (rule: BoundRule["rule"]) => ("memory" in rule && rule.memory ? rule.memory.initial : null);

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
        options: readSavedOptions(rule, Object.fromEntries(now)),
      };
    });
  return walk(rules, placeRules(rules).rules);
}

function readSavedOptions({ name, options }: BoundRule["rule"], saved: object): BoundRule["options"] {
  try {
    return readOptions(name, saved, options);
  } catch (error) {
    throw new CheckpointError(`the checkpoint's options cannot be used: ${(error as Error).message}`);
  }
}

/** Controls go on with the values that they had: all are checked before the function that is returned sets any. */
function controlsOf(chain: Chain, checkpoint: Checkpoint): () => void {
  const saved = new Map(checkpoint.chain);
  const taken = chain.all.flatMap(({ rule, address, options }) =>
    Object.entries(options).flatMap(([name, now]) => {
      const then = saved.get(address)?.[name];
      if (!isControl(now) || typeof then !== "object" || then === null || !("control" in then)) return [];
      readSavedOptions(rule, { ...options, [name]: then.control });
      return [{ control: now, value: then.control }];
    }),
  );
  return () => {
    for (const { control, value } of taken) control.value = value;
  };
}
