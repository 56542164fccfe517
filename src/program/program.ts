// A chain that has met a tree: leaves that meet the same rules are a group, each group has its passes, and where rules
// want more than one group (the norm of the whole tree), those wait for one another.
//
//   leaf ──▶ rules it meets ──▶ groups ──▶ layout ──▶ stages of passes (compile.ts) ──▶ actions, in order

import { arrange, type Layout, type Tree } from "../tree/layout.ts";
import type { CustomRule } from "../updates/rule.ts";
import { type Chain, type PlacedRule, rulesFor } from "./chain.ts";
import { type Barrier, compile, type GroupProgram, type SlotsOfRule, type Stage } from "./compile.ts";

/** One plane of state, for the groups whose leaves meet its rule. */
export interface ProgramSlot {
  /** Index of the rule. */
  readonly rule: number;
  readonly name: string;
  readonly initial: number | "params";
  readonly decays: boolean;
}

/** A group that waits at a barrier. */
export interface Part {
  readonly group: number;
  readonly barrier: Barrier;
}

/** What a step does, one after another. */
export type Action = { readonly kind: "stage"; readonly group: number; readonly stage: number } | Meeting;

/** What waits at a barrier, and the same by group. */
export interface Meeting {
  readonly kind: Barrier["kind"];
  readonly rule: number;
  readonly parts: readonly Part[];
  readonly partOf: readonly (Part | undefined)[];
}

export interface Program {
  readonly chain: Chain;
  readonly layout: Layout;
  readonly slots: readonly ProgramSlot[];
  /** Of each slot: the groups that have a piece of it. */
  readonly groupsOfSlot: readonly (readonly number[])[];
  /** Of each group of the layout that is not frozen. */
  readonly groups: readonly GroupProgram[];
  /** Of each group: which set of leaves that came later it belongs to; 0 is none. */
  readonly births: readonly number[];
  readonly actions: readonly Action[];
  /** Of each rule: whose counts it follows in the groups that have it, see GroupProgram. */
  readonly scopesOf: readonly (readonly number[])[];
  /**
   * Whether a rule sums something up, whether one remembers what `step()` was told, whether one may hold steps back, and a
   * user's own, if there is one.
   */
  readonly measures: boolean;
  readonly remembers: boolean;
  readonly isGated: boolean;
  readonly custom: CustomRule | undefined;
}

/** The chain, and which leaves are a group. */
export interface Grouping {
  readonly chain: Chain;
  /** By leaf. */
  readonly groupOf: readonly number[];
  readonly groups: readonly { readonly rules: readonly PlacedRule[]; readonly birth: number }[];
  readonly liveCount: number;
  /** The same for groupings that make the same program. */
  readonly key: string;
}

/**
 * Finds the groups of a tree: asks every partition for the label of each leaf.
 *
 * @param birthOf of each leaf: the set of later ones it belongs to, 0 if it was there from the start
 */
export function groupLeaves(chain: Chain, tree: Tree, birthOf: readonly number[] = []): Grouping {
  const found = new Map<string, { rules: readonly PlacedRule[]; birth: number; leaves: number[] }>();
  tree.leaves.forEach((leaf, i) => {
    const rules = rulesFor(leaf, chain.rules);
    const birth = birthOf[i] ?? 0;
    const key = [birth, ...rules.map(({ index }) => index)].join();
    const group = found.get(key) ?? { rules, birth, leaves: [] };
    found.set(key, group);
    group.leaves.push(i);
  });
  const isFrozen = ({ rules }: { rules: readonly PlacedRule[] }) => rules.some(({ rule }) => rule.kind === "freeze");
  const keys = [...found.keys()].sort();
  const sorted = keys.map((key) => found.get(key)!);
  const live = sorted.filter((group) => !isFrozen(group));
  const groups = [...live, ...sorted.filter(isFrozen)];
  const groupOf = new Array<number>(tree.leaves.length);
  groups.forEach(({ leaves }, g) => {
    for (const leaf of leaves) groupOf[leaf] = g;
  });
  return { chain, groupOf, groups, liveCount: live.length, key: `${groupOf}|${keys.join("|")}` };
}

/** The planes of state that a chain may want. */
export const slotsOf = ({ all }: Chain): ProgramSlot[] =>
  all.flatMap(({ rule, options, index }) =>
    Object.entries(rule.slots).map(([name, { initial, decays }]) => ({
      rule: index,
      name,
      initial: initial(options),
      decays,
    })),
  );

export function indexSlots(slots: readonly ProgramSlot[]): SlotsOfRule {
  const indices = new Map<number, number[]>();
  slots.forEach(({ rule }, i) => {
    indices.set(rule, [...(indices.get(rule) ?? []), i]);
  });
  return indices;
}

export function programOf(tree: Tree, { chain, groupOf, groups, liveCount }: Grouping): Program {
  const live = groups.slice(0, liveCount);
  const slots = slotsOf(chain);
  const indexed = indexSlots(slots);
  const compiled = live.map(({ rules }) => compile(rules, indexed));
  const groupsOfSlot = slots.map((): number[] => []);
  compiled.forEach((group, g) => {
    for (const slot of group.slots.flat()) groupsOfSlot[slot]!.push(g);
  });
  const scopesOf = chain.all.map(() => new Set<number>());
  for (const { rules, scopes } of compiled) {
    rules.forEach(({ index }, local) => {
      scopesOf[index]!.add(scopes[local]!);
    });
  }
  const hasRule = (...kinds: readonly string[]) => chain.all.some(({ rule }) => kinds.includes(rule.kind));
  return {
    chain,
    layout: arrange(tree, groupOf, groups.length, liveCount),
    slots,
    groupsOfSlot,
    groups: compiled,
    births: live.map(({ birth }) => birth),
    actions: inOrder(compiled),
    scopesOf: scopesOf.map((scopes) => [...scopes]),
    measures: hasRule("norm", "gate"),
    remembers: chain.all.some(({ rule }) => rule.kind === "linear" && rule.memory),
    isGated: hasRule("gate"),
    custom: chain.all.map(({ rule }) => rule).find((rule) => rule.kind === "custom"),
  };
}

/**
 * All stages, and what waits behind them: each group has its barriers in the order of the chain, so that is the order of
 * all. What changes parameters or gradients comes last, when no user's function can throw any more.
 */
function inOrder(groups: readonly GroupProgram[]): Action[] {
  const actions: Action[] = [];
  const ruleOf = ({ barrier }: Stage) => barrier?.rule ?? Number.POSITIVE_INFINITY;
  const rules = new Set(groups.flatMap(({ stages }) => stages.map(ruleOf)));
  for (const rule of [...rules].sort((a, b) => a - b)) {
    const partOf: Part[] = [];
    groups.forEach(({ stages }, group) => {
      const stage = stages.findIndex((each) => ruleOf(each) === rule);
      if (stage < 0) return;
      const { barrier } = stages[stage]!;
      actions.push({ kind: "stage", group, stage });
      if (barrier) partOf[group] = { group, barrier };
    });
    const parts = Object.values(partOf);
    if (parts.length > 0) actions.push({ kind: parts[0]!.barrier.kind, rule, parts, partOf });
  }
  return actions;
}
