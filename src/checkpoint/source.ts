// A checkpoint read as something to take over from. All of it is checked before any of it is used.

import { isControl } from "../control.ts";
import { CheckpointError } from "../errors.ts";
import { agesOf } from "../optimizer/ages.ts";
import { paramName, type Source, type SourceRule } from "../optimizer/carry.ts";
import type { Chain } from "../program/chain.ts";
import { buildTree, type Skeleton, setChild } from "../tree/layout.ts";
import type { FoundLeaf } from "../tree/leaf.ts";
import type { Numbers } from "../updates/rule.ts";
import { quote } from "./safetensors.ts";
import { arrayOf, decodeName, type FileTensor, fileOf, parseSafetensors } from "./safetensors-read.ts";
import { FORMAT, RESERVED, type SavedHost, type SavedOption, type SavedRule } from "./save.ts";

/** A checkpoint that was found whole. */
export interface Checkpoint {
  readonly chain: readonly SavedRule[];
  readonly host: SavedHost;
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array }>;
  /** Kinds of leaves, by path. */
  readonly leaves: ReadonlyMap<string, FoundLeaf["kind"]>;
  /** User states, by rule. */
  readonly custom: readonly unknown[];
  /** By path: its group; −1 if it is frozen. */
  readonly groupOf: ReadonlyMap<string, number>;
  /** The user's own. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The saved parameters as a tree. */
  tree(): unknown;
}

/** @throws CheckpointError for a file that is damaged, or is no checkpoint of this library */
export function readCheckpoint(given: Uint8Array | ArrayBuffer, caller: string): Checkpoint {
  const bytes = fileOf(given, caller);
  const { metadata, tensors: found } = parseSafetensors(bytes);
  const format = metadata.get("format") ?? "";
  if (!/^lanestep \d+$/.test(format)) {
    throw new CheckpointError(
      `this is no checkpoint: its metadata lacks "format": "${FORMAT}". readSafetensors() reads weights alone`,
    );
  }
  if (format !== FORMAT) throw new CheckpointError(`the checkpoint has the format "${format}", this reads "${FORMAT}"`);
  const read = new Reader(metadata);
  const chain = read.chain();
  const { skeleton, leaves } = read.tree();
  const host = read.host(chain.length, leaves.length);

  const named = new Map([...found].map(([name, tensor]) => [decodeName(name), tensor] as const));
  if (named.size !== found.size) throw new CheckpointError("two names of tensors mean the same one");
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, tensor] of named) {
    if (name.startsWith("custom/")) continue;
    if (!/^(params|state)\//.test(name)) throw new CheckpointError(`tensor ${quote(name)} is none of a checkpoint's`);
    if (tensor.dtype !== "F32") throw new CheckpointError(`tensor "${name}" is ${tensor.dtype}, expected F32`);
    tensors.set(name, { shape: tensor.shape, data: arrayOf(bytes, tensor) as Float32Array });
  }
  const addresses = new Set(chain.map(([address]) => address));
  for (const name of tensors.keys()) {
    if (name.startsWith("state/") && ![...addresses].some((address) => name.startsWith(`state/${address}/`))) {
      throw new CheckpointError(`tensor "${name}" belongs to no rule of the saved chain`);
    }
  }
  for (const [path] of leaves) {
    if (!tensors.has(paramName(path))) throw new CheckpointError(`tensor "${paramName(path)}" is missing`);
  }
  const params = [...tensors.keys()].filter((name) => name.startsWith("params/")).length;
  if (params !== leaves.length)
    throw new CheckpointError(`${params} parameters are there, the tree has ${leaves.length}`);
  return {
    chain,
    host,
    tensors,
    leaves: new Map(leaves),
    custom: restoreCustoms(host.custom, bytes, named),
    metadata: Object.fromEntries([...metadata].filter(([name]) => !RESERVED.includes(name))),
    groupOf: new Map(leaves.map(([path], i) => [path, host.groupOf[i]!])),
    tree: () =>
      buildTree(skeleton, (i) => {
        const [path, kind] = leaves[i]!;
        const { shape, data } = tensors.get(paramName(path))!;
        if (kind === "number") return data[0]!;
        return kind === "array" ? data : { data, shape };
      }),
  };
}

/** The checkpoint as a source for {@link planCarry}. */
export function sourceOf(checkpoint: Checkpoint, options: readonly string[]): Source {
  const { chain, host, tensors, custom, groupOf, metadata } = checkpoint;
  const addresses = chain.map(([address]) => address);
  return {
    count: host.count,
    steps: host.counts[0]!,
    rules: new Map(
      chain.map(([address], i): [string, SourceRule] => [
        address,
        { memory: numbersOf(host.memories[i]!), custom: custom[i] },
      ]),
    ),
    ...agesOf(addresses, host.counts, host.groups, groupOf),
    tensors,
    options,
    metadata,
  };
}

const numbersOf = (memory: SavedHost["memories"][number]): Numbers | null =>
  memory && Object.fromEntries(Object.entries(memory).map(([name, value]) => [name, Number(value)]));

const damaged = (key: string, what: string) => new CheckpointError(`the checkpoint's metadata "${key}" ${what}`);

/** What recurses may run out of stack. */
function notTooDeep<T>(key: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof CheckpointError) throw error;
    throw damaged(key, `is nested too deeply (${(error as Error).message})`);
  }
}

type Is = (value: unknown) => boolean;

export const isCount: Is = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const isString: Is = (value) => typeof value === "string";
const isRecord: Is = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const isListOf =
  (is: Is, length?: number): Is =>
  (value) =>
    Array.isArray(value) && (length === undefined || value.length === length) && value.every(is);
const isPair =
  (first: Is, second: Is): Is =>
  (value) =>
    Array.isArray(value) && value.length === 2 && first(value[0]) && second(value[1]);
const isNumberText: Is = (value) =>
  typeof value === "number" || ["NaN", "Infinity", "-Infinity"].includes(value as string);

/** Reads the metadata; what has another form is damage. */
class Reader {
  readonly #metadata: ReadonlyMap<string, string>;

  constructor(metadata: ReadonlyMap<string, string>) {
    this.#metadata = metadata;
  }

  chain(): readonly SavedRule[] {
    const isOption: Is = (value) => {
      if (value === null || ["number", "string", "boolean"].includes(typeof value)) return true;
      if (!isRecord(value) || Object.keys(value as object).length !== 1) return false;
      const { control, function: isFunction } = value as { control?: unknown; function?: unknown };
      return isFunction === true || Number.isFinite(control);
    };
    const isOptions: Is = (value) => isRecord(value) && Object.values(value as object).every(isOption);
    return this.#json("chain", isListOf(isPair(isString, isOptions))) as SavedRule[];
  }

  host(rules: number, leaves: number): SavedHost {
    const isMemory: Is = (value) =>
      value === null || (isRecord(value) && Object.values(value as object).every(isNumberText));
    const isBelow =
      (limit: number): Is =>
      (value) =>
        isCount(value) && (value as number) < limit;
    const isGroup: Is = (value) => {
      if (!isRecord(value)) return false;
      const { rules: own, scopes, births } = value as Record<string, unknown>;
      if (!isListOf(isBelow(rules))(own)) return false;
      const { length } = own as unknown[];
      return isListOf(isBelow(rules + 1), length)(scopes) && isListOf(isCount, length)(births);
    };
    const forms: Record<keyof SavedHost, Is> = {
      count: isCount,
      counts: isListOf(isCount, rules + 1),
      memories: isListOf(isMemory, rules),
      groups: isListOf(isGroup),
      groupOf: isListOf((value) => value === -1 || isCount(value), leaves),
      custom: isListOf(() => true, rules),
    };
    const host = this.#json("host", isRecord) as unknown as SavedHost;
    for (const [name, is] of Object.entries(forms)) {
      if (!is(host[name as keyof SavedHost])) throw damaged("host", `has no ${name} of its form`);
    }
    const { groups, groupOf, counts } = host;
    if (groupOf.some((group) => group >= groups.length)) throw damaged("host", "names a group that is not there");
    if (groups.some(({ scopes, births }) => births.some((birth, i) => birth > counts[scopes[i]!]!))) {
      throw damaged("host", "has a rule whose state is older than its steps");
    }
    return host;
  }

  tree(): { skeleton: Skeleton; leaves: readonly (readonly [path: string, kind: FoundLeaf["kind"]])[] } {
    const isKind: Is = (kind) => ["number", "array", "shaped", "zeros"].includes(kind as string);
    const tree = this.#json("tree", isRecord) as { skeleton: Skeleton; leaves: [string, FoundLeaf["kind"]][] };
    if (!isListOf(isPair(isString, isKind))(tree.leaves)) throw damaged("tree", "has no leaves of their form");
    const seen = new Set<number>();
    const check = (node: unknown): boolean => {
      if (typeof node === "number")
        return isCount(node) && node < tree.leaves.length && !seen.has(node) && !!seen.add(node);
      const { array, keys, children } = (isRecord(node) ? node : {}) as {
        array?: unknown;
        keys?: unknown[];
        children?: unknown;
      };
      const isKey: Is = array === true ? isCount : isString;
      return (
        typeof array === "boolean" &&
        isListOf(isKey)(keys) &&
        new Set(keys).size === keys!.length &&
        isListOf(check, keys!.length)(children)
      );
    };
    const isTree = notTooDeep("tree", () => check(tree.skeleton));
    if (!isTree || seen.size !== tree.leaves.length) throw damaged("tree", "is no tree of its leaves");
    return tree;
  }

  #json(key: string, is: Is): unknown {
    const text = this.#metadata.get(key);
    if (text === undefined) throw damaged(key, "is missing");
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch (error) {
      throw damaged(key, `is no JSON (${(error as Error).message})`);
    }
    if (!is(value)) throw damaged(key, "has another form");
    return value;
  }
}

/** Users' own states from what {@link file://./save.ts} made of them. Each of their tensors belongs to one of them, once. */
function restoreCustoms(
  saved: readonly unknown[],
  bytes: Uint8Array,
  tensors: ReadonlyMap<string, FileTensor>,
): readonly unknown[] {
  const left = new Map([...tensors].filter(([name]) => name.startsWith("custom/")));
  const states = notTooDeep("host", () => saved.map((value) => restoreCustom(value, bytes, left)));
  for (const name of left.keys()) throw new CheckpointError(`tensor ${quote(name)} belongs to no state`);
  return states;
}

function restoreCustom(saved: unknown, bytes: Uint8Array, tensors: Map<string, FileTensor>): unknown {
  if (typeof saved !== "object" || saved === null) return saved;
  const { array, number, bigint, tensor, kind, object } = saved as Record<string, unknown>;
  if (Array.isArray(array)) return array.map((child) => restoreCustom(child, bytes, tensors));
  if (typeof number === "string") return Number(number);
  if (typeof bigint === "string" && /^-?\d+$/.test(bigint)) return BigInt(bigint);
  if (typeof tensor === "string") {
    const found = tensors.get(tensor);
    if (!found) throw new CheckpointError(`tensor ${quote(tensor)} is missing`);
    tensors.delete(tensor);
    const data = arrayOf(bytes, found).slice();
    return kind === "Uint8ClampedArray" ? new Uint8ClampedArray(data as Uint8Array) : data;
  }
  if (isListOf(isPair(isString, () => true))(object)) {
    const result = {};
    for (const [key, child] of object as [string, unknown][])
      setChild(result, key, restoreCustom(child, bytes, tensors));
    return result;
  }
  if (Object.keys(saved).length === 0) return undefined;
  throw damaged("host", "holds a user's state of no known form");
}

/** What differs between today's chain and the saved one beside tensors, in words: options, and rules without state. */
export function changedOptions(chain: Chain, saved: readonly SavedRule[]): string[] {
  const before = new Map(saved);
  const now = new Set(chain.all.map(({ address }) => address));
  const gone = saved.flatMap(([address]) => (now.has(address) ? [] : [`${address}: is no more`]));
  const changed = chain.all.flatMap(({ address, options }) => {
    const then = before.get(address);
    if (!then) return [`${address}: is new`];
    return Object.entries(options).flatMap(([name, value]) => {
      const [was, is] = [then[name], wordsOf(value)];
      // A control takes the saved value, and functions cannot be compared.
      if (was === undefined || typeof value === "function" || isControl(value) || wordsOf(was) === is) return [];
      return [`${address}: ${name} was ${wordsOf(was)}, is ${is}`];
    });
  });
  return [...gone, ...changed];
}

/** An option in words; a control is as its value. */
function wordsOf(option: unknown): string {
  const { control, function: isFunction } = (isRecord(option) ? option : {}) as {
    control?: number;
    function?: boolean;
  };
  return isFunction ? "a function" : String(control ?? option);
}

/** The saved value of an option, to be used instead of today's; `now` where it was a function. */
export function optionOf(saved: SavedOption, now: unknown): unknown {
  if (isControl(now)) return now;
  if (typeof saved === "object" && saved !== null) {
    return "function" in saved ? now : saved.control;
  }
  if (typeof saved === "string" && /^\d+$/.test(saved)) return BigInt(saved);
  return typeof saved === "string" && isNumberText(saved) ? Number(saved) : saved;
}
