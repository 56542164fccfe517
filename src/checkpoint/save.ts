// What a checkpoint holds. Tensors are named by path and rule; what is no tensor stands in the metadata, as JSON:
//
//   format   "lanestep 1": the version of all this
//   chain    each rule's address and options, in order
//   host     counts, what rules remember, births of leaves that came later, the user's own states
//   tree     the form of the parameters, to build them anew
//   others   the user's own strings

import { isControl } from "../control.ts";
import { type CountedGroup, countedGroups } from "../optimizer/ages.ts";
import { mapValues, paramName, stateName } from "../optimizer/carry.ts";
import type { Parts } from "../optimizer/parts.ts";
import { option, readOptions } from "../options.ts";
import { isPlainObject, show } from "../show.ts";
import type { AddTensor } from "./custom.ts";
import { dtypeOf, encodeSafetensors, type NewTensor } from "./safetensors.ts";

export const FORMAT = "lanestep 1";

export const RESERVED = ["format", "chain", "host", "tree"];

/** Options of `save` and `saveChunks`. */
export interface SaveOptions {
  /** Strings of the user's own, by name: in `carried.metadata` of what is restored. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

const saveSpec = {
  metadata: option<Record<string, string>>({}, "an object of strings", (value): value is Record<string, string> =>
    isPlainObject(value),
  ),
};

/** An option as JSON: a function only says that it is one. */
export type SavedOption = number | string | boolean | null | { readonly function: true } | { readonly control: number };

/** What `chain` holds. */
export type SavedRule = readonly [address: string, options: Readonly<Record<string, SavedOption>>];

/** What `host` holds; rules are those of `chain`, by index. */
export interface SavedHost {
  readonly count: number;
  /** All steps, and then how often each rule let one through, if it is a gate. */
  readonly counts: readonly number[];
  readonly memories: readonly (Readonly<Record<string, number | string>> | null)[];
  readonly groups: readonly CountedGroup[];
  /** Of each leaf of `tree`; −1 if it is frozen. */
  readonly groupOf: readonly number[];
  readonly custom: readonly unknown[];
}

/** The file of an optimizer as it is now: a header, and views of the planes. */
export function checkpointOf(
  { program, host, views }: Pick<Parts, "program" | "host" | "views">,
  caller: string,
  options: SaveOptions,
): { chunks: Uint8Array<ArrayBuffer>[]; size: number } {
  const { metadata } = readOptions(caller, options, saveSpec);
  for (const [name, text] of Object.entries(metadata)) {
    if (RESERVED.includes(name)) throw new TypeError(`${caller}: metadata.${name} is a name of the format's own`);
    if (typeof text !== "string")
      throw new TypeError(`${caller}: metadata.${name} is ${show(text)}, expected a string`);
  }
  const { layout, chain, slots, groups } = program;
  const tensors: NewTensor[] = [];
  const add: AddTensor = (name, shape, bytes) => tensors.push({ name, dtype: dtypeOf(bytes)!, shape, bytes });
  const states = chain.all.flatMap(({ index, address }) =>
    slots.flatMap(({ rule, name }, slot) => (rule === index ? [{ address, name, views: views.leaves(slot) }] : [])),
  );
  layout.leaves.forEach(({ path, shape }, i) => {
    add(paramName(path), shape, views.leaves("params")[i]!);
  });
  for (const { address, name, views } of states) {
    layout.leaves.forEach(({ path, shape }, i) => {
      if (views[i]) add(stateName(address, name, path), shape, views[i]);
    });
  }
  const saved: SavedHost = {
    count: host.count,
    counts: host.counts,
    memories: host.memories.map((memory) => memory && mapValues(memory, savedNumber)),
    groups: countedGroups(program, host),
    groupOf: layout.leaves.map(({ group }) => (group < groups.length ? group : -1)),
    custom: chain.all.map((placed) =>
      placed.rule.kind === "custom" ? placed.rule.save(placed, host.custom[placed.index], add) : null,
    ),
  };
  const rules = chain.all.map(({ address, options }): SavedRule => [address, mapValues(options, savedOption)]);
  const tree = { skeleton: layout.skeleton, leaves: layout.leaves.map(({ path, kind }) => [path, kind]) };
  return encodeSafetensors(tensors, {
    ...metadata,
    format: FORMAT,
    chain: JSON.stringify(rules),
    host: JSON.stringify(saved),
    tree: JSON.stringify(tree),
  });
}

/** JSON has no infinities. */
const savedNumber = (value: number): number | string => (Number.isFinite(value) ? value : String(value));

function savedOption(value: unknown): SavedOption {
  if (typeof value === "function") return { function: true };
  if (isControl(value)) return { control: value.value };
  if (typeof value === "bigint") return String(value);
  return typeof value === "number" ? savedNumber(value) : (value as SavedOption);
}
