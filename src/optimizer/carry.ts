// What one optimizer takes over from another, or from a checkpoint: by the names that checkpoints have.

import type { PlaneId } from "../backends/backend.ts";
import type { Chain, PlacedRule } from "../program/chain.ts";
import { rulesFor } from "../program/chain.ts";
import type { Program } from "../program/program.ts";
import { type Host, newHost } from "../program/values.ts";
import type { Tree } from "../tree/layout.ts";
import { sameShape } from "../tree/leaf.ts";
import type { Numbers } from "../updates/rule.ts";
import type { Ages } from "./ages.ts";

/** Tensors by the names that they have in a checkpoint: `params/dense/kernel`, `state/scaleByAdam/mu/dense/kernel`. */
export interface CarryReport {
  /** Taken over as they were. */
  readonly carried: readonly string[];
  /** New: parameters as they were given, state as it begins. */
  readonly fresh: readonly string[];
  /** Left behind: nothing of that name and shape is wanted any more. */
  readonly dropped: readonly string[];
  /** Options whose values differ from the saved ones, and rules without state that are new or gone, in words; of a
   * checkpoint only. */
  readonly options: readonly string[];
  /** What `save({ metadata })` was given. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** What a rule of a source remembers, and a user's own state. */
export interface SourceRule {
  readonly memory: Numbers | null;
  readonly custom: unknown;
}

/** Where the leaves of planes are, by plane: null where a plane has no place for one. */
export interface Leaves<Data> {
  leaves(id: PlaneId): readonly (Data | null)[];
}

/** A leaf that takes what another one holds, such as a Float32Array. */
type Target<Data> = Data & { set(data: Data): void; fill(value: number): unknown };

/** Something to take over from. */
export interface Source<Data = ArrayLike<number>> extends Ages {
  /** Steps that changed parameters, and all steps. */
  readonly count: number;
  readonly steps: number;
  /** By address. */
  readonly rules: ReadonlyMap<string, SourceRule>;
  /** By name. */
  readonly tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Data }>;
  readonly options: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

export const paramName = (path: string): string => `params/${path}`;

export const stateName = (address: string, slot: string, path: string): string => `state/${address}/${slot}/${path}`;

/** What will be taken over, before there is a memory to take it. */
export interface Plan {
  readonly host: Host;
  /** Of each leaf: which of the host's births is its own. */
  readonly birthOf: readonly number[];
}

export const mapValues = <From, To>(
  record: Readonly<Record<string, From>>,
  map: (value: From, name: string) => To,
): Record<string, To> => Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value, name)]));

const has = ({ tensors }: Source<unknown>, name: string, shape: readonly number[]): boolean => {
  const tensor = tensors.get(name);
  return tensor !== undefined && sameShape(tensor.shape, shape);
};

const carriesState = (
  source: Source<unknown>,
  { rule, address }: PlacedRule,
  path: string,
  shape: readonly number[],
): boolean =>
  source.rules.has(address) &&
  Object.keys(rule.slots).every((slot) => has(source, stateName(address, slot, path), shape));

/** Counts go on where the source's stood; a leaf whose state is new begins its own. */
export function planCarry(chain: Chain, tree: Tree, source: Source<unknown>): Plan {
  const host = newHost(chain);
  /** By scope: the first count that a rule of it had. */
  const known = new Map<number, number>();
  const leafRules = tree.leaves.map((leaf) => {
    let scope = 0;
    return rulesFor(leaf, chain.rules).map((placed) => {
      const own = scope;
      const count = source.countOf(placed.address, leaf.path);
      if (count !== undefined && !known.has(own)) known.set(own, count);
      if (placed.rule.kind === "gate") scope = 1 + placed.index;
      return { placed, scope: own };
    });
  });
  host.count = source.count;
  host.counts.forEach((_, scope) => {
    const gate = chain.all[scope - 1]?.address ?? "";
    host.counts[scope] = known.get(scope) ?? source.gates.get(gate) ?? source.steps;
  });
  const rules = chain.all.map(({ address }) => source.rules.get(address));
  host.memories = host.memories.map((memory, index) => {
    const rule = rules[index];
    // By its names of today: a later version may remember more.
    return rule && memory ? mapValues(memory, (initial, name) => rule.memory?.[name] ?? initial) : memory;
  });
  host.custom = rules.map((rule) => (rule ? rule.custom : null));
  const births = new Map([[host.births[0]!.join(), 0]]);
  const birthOf = tree.leaves.map(({ path, shape }, i) => {
    const born = chain.all.map(() => 0);
    for (const { placed, scope } of leafRules[i]!) {
      // A rule without state goes by the count of steps alone.
      if (Object.keys(placed.rule.slots).length === 0) continue;
      const age =
        has(source, paramName(path), shape) && carriesState(source, placed, path, shape)
          ? source.ageOf(placed.address, path)
          : 0;
      born[placed.index] = Math.max(host.counts[scope]! - age, 0);
    }
    const key = born.join();
    const birth = births.get(key) ?? births.size;
    if (birth === births.size) {
      births.set(key, birth);
      host.births = [...host.births, born];
    }
    return birth;
  });
  return { host, birthOf };
}

/**
 * Copies what the source has; parameters that it has not stay as they are, planes of state begin anew.
 */
export function carry<Data>(
  { layout, chain, slots }: Program,
  views: Leaves<Target<Data>>,
  source: Source<Data>,
): CarryReport {
  const carried: string[] = [];
  const fresh: string[] = [];
  const copy = (name: string, index: number, view: Target<Data> | null, wanted: boolean) => {
    if (!view) return true;
    const { shape } = layout.leaves[index]!;
    const takes = wanted && has(source, name, shape);
    if (takes) view.set(source.tensors.get(name)!.data);
    (takes ? carried : fresh).push(name);
    return takes;
  };
  layout.leaves.forEach(({ path }, i) => {
    copy(paramName(path), i, views.leaves("params")[i]!, true);
  });
  layout.leaves.forEach(({ path, shape }, i) => {
    slots.forEach(({ rule, name, initial }, slot) => {
      const placed = chain.all[rule]!;
      const whole = has(source, paramName(path), shape) && carriesState(source, placed, path, shape);
      const view = views.leaves(slot)[i]!;
      if (copy(stateName(placed.address, name, path), i, view, whole)) return;
      // Of an optimizer at work too: its age is 0 from now on.
      if (initial === "params") view!.set(views.leaves("params")[i]!);
      else view!.fill(initial);
    });
  });
  const taken = new Set(carried);
  const dropped = [...source.tensors.keys()].filter((name) => !taken.has(name));
  const { options, metadata } = source;
  return Object.freeze({ carried, fresh, dropped, options, metadata });
}
