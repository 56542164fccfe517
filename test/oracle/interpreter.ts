// The first oracle: runs a chain leaf by leaf, pass by pass and element by element in plain JavaScript, every operation
// rounded by Math.fround. Linked, warmed and tiled loops must give its bits. It decides by itself which rules a leaf meets,
// what waits behind a gate, what counts, and what a norm is taken over; it knows no groups. Of the library it takes
// the passes that rules are compiled to, and of a backend the normal numbers.

import { resolveAll } from "../../src/options.ts";
import type { PlacedRule } from "../../src/program/chain.ts";
import type { ProgramSlot } from "../../src/program/program.ts";
import { buildTree, type Tree, type TreeLeaf } from "../../src/tree/layout.ts";
import type { BoundRule, CustomRule, Numbers, PartitionRule, Told } from "../../src/updates/rule.ts";
import { flush, sumSquares } from "./kernels.ts";
import { LeafRun, type Memory } from "./leaf.ts";

const f = Math.fround;
const FLUSH_INTERVAL = 64;

/** Numbers every rule, those of groups behind the rule that holds them. */
function number(rules: readonly BoundRule[], all: PlacedRule[]): PlacedRule[] {
  return rules.map(({ rule, options }) => {
    const placed = { rule, options, index: all.length, address: "", groups: new Map<string, PlacedRule[]>() };
    all.push(placed);
    if (rule.kind !== "partition") return placed;
    for (const [label, inner] of rule.groups) placed.groups.set(label, number(inner, all));
    return placed;
  });
}

/** The rules that a leaf meets: in the place of a partition those of its label. */
function metBy(leaf: TreeLeaf, rules: readonly PlacedRule[]): PlacedRule[] {
  return rules.flatMap((placed) => {
    if (placed.rule.kind !== "partition") return [placed];
    return metBy(leaf, placed.groups.get((placed.rule as PartitionRule).labelOf(leaf)) as PlacedRule[]);
  });
}

/** What became of a step. */
export interface Outcome {
  readonly changed: boolean;
  /** Of a skipped step: the first leaf in which there is NaN or an infinity, and how many were skipped in a row. */
  readonly skipped: { readonly path: string; readonly consecutive: number } | null;
}

export class Interpreter {
  readonly all: readonly PlacedRule[];
  readonly slots: readonly ProgramSlot[];
  /** By leaf; null where it is frozen. */
  readonly leaves: readonly (LeafRun | null)[];
  /** By rule: a user's own state. */
  readonly custom: unknown[];
  readonly params: readonly Float32Array[];
  readonly #tree: Tree;
  readonly #memory: Memory;
  #changed = false;

  /** @param count steps that every rule has seen before the first */
  constructor(rules: readonly BoundRule[], tree: Tree, params: readonly Float32Array[], count = 0) {
    const all: PlacedRule[] = [];
    const chain = number(rules, all);
    this.all = all;
    this.#tree = tree;
    this.params = params.map((leaf) => leaf.slice());
    this.slots = all.flatMap(({ rule, options, index }) =>
      Object.entries(rule.slots).map(([name, { initial, decays }]) => {
        return { rule: index, name, initial: initial(options), decays };
      }),
    );
    this.leaves = tree.leaves.map((leaf, i) => {
      const met = metBy(leaf, chain);
      if (met.some(({ rule }) => rule.kind === "freeze")) return null;
      const run = new LeafRun(leaf, met, this.slots, this.params[i]!);
      run.slotRules = this.slots.map(({ rule }) => rule);
      return run;
    });
    const remembered = all.flatMap(({ rule, index }): [number, Numbers][] =>
      "memory" in rule && rule.memory ? [[index, rule.memory.initial]] : [],
    );
    this.#memory = {
      all,
      steps: count,
      passed: new Map(all.map(({ index }) => [index, count])),
      rules: new Map(remembered),
      changes: count,
    };
    this.custom = all.map(({ rule, index }) =>
      rule.kind === "custom" ? (rule.init?.(this.#treeOf(index, ({ params }) => params)) ?? null) : null,
    );
  }

  get count(): number {
    return this.#memory.changes;
  }

  /** Overwrites the gradients with the updates of a step: zeros where something holds them back. */
  update(told: Told): Outcome {
    const memory = this.#memory;
    const live = this.#live();
    const pending = new Map(memory.rules);
    for (const { rule, options, index } of this.all) {
      if (rule.kind !== "linear" || !rule.memory) continue;
      const now = resolveAll(options as Record<string, never>, memory.steps, rule.name, rule.options);
      pending.set(index, rule.memory.advance(now as never, memory.rules.get(index)!, told));
    }
    for (const leaf of live) leaf.prepare(memory, pending);
    const opened = new Set<number>();
    let skipped: Outcome["skipped"] = null;
    const begins = (gate: number) => memory.rules.get(gate)!.parts === 0;
    for (;;) {
      for (const leaf of live) leaf.advance(begins);
      // Rules are numbered in the order in which leaves meet them: at the first of these all are that will come to it.
      const waiting = live.filter(({ barrier, isActive }) => isActive && barrier);
      if (waiting.length === 0) break;
      const rule = Math.min(...waiting.map(({ barrier }) => barrier!.rule));
      const there = waiting.filter(({ barrier }) => barrier!.rule === rule);
      const { kind } = there[0]!.barrier!;
      if (kind === "norm") this.#norm(rule, there);
      else if (kind === "custom") this.#user(rule, there);
      else {
        const bad = kind === "skip" ? this.#check(rule, there) : null;
        skipped ??= bad;
        if (kind === "accumulate" ? this.#gather(rule, there) : !bad) opened.add(rule);
        else for (const leaf of there) leaf.isActive = false;
      }
      for (const leaf of there) leaf.barrier = null;
    }
    for (const leaf of live) {
      if (!leaf.isActive) leaf.grads.fill(0);
      else if ((memory.changes + 1) % FLUSH_INTERVAL === 0) {
        for (const [slot, plane] of leaf.slots) if (this.slots[slot]!.decays) flush(plane);
      }
    }
    // A plateau has seen the step if one of its leaves has come to it.
    const ran = (rule: number) =>
      live.some(({ rules, gates }) =>
        rules.some(({ index }, i) => index === rule && (gates[i]! < 0 || opened.has(gates[i]!))),
      );
    for (const { rule, index } of this.all)
      if (rule.kind === "linear" && ran(index)) memory.rules.set(index, pending.get(index)!);
    memory.steps += 1;
    for (const gate of opened) memory.passed.set(gate, memory.passed.get(gate)! + 1);
    this.#changed = live.length === 0 || live.some(({ isActive }) => isActive);
    return { changed: this.#changed, skipped };
  }

  apply(): void {
    for (const { params, grads, isActive } of this.#live()) {
      if (isActive) for (let i = 0; i < params.length; i++) params[i] = f(params[i]! + grads[i]!);
    }
    if (this.#changed) this.#memory.changes += 1;
  }

  #live(): LeafRun[] {
    return this.leaves.filter((leaf) => leaf !== null);
  }

  /** Over all leaves that are there, in order of their paths. */
  #norm(rule: number, there: readonly LeafRun[]): void {
    const { rule: entry, options } = this.all[rule]!;
    if (entry.kind !== "norm") throw new Error("a norm of what has none");
    const order = entry.order(options);
    const total = { updates: 0, params: 0 };
    for (const leaf of there) {
      // A sum that was taken over from another rule is taken here again.
      const taken = leaf.barrier!.kind === "norm" && leaf.barrier!.owner === rule;
      const sums = taken ? leaf.sums.get(rule)! : { updates: sumSquares(leaf.x()), params: 0 };
      total.updates = order === 2 ? total.updates + sums.updates : Math.max(total.updates, sums.updates);
      total.params += sums.params;
    }
    const norms = {
      updates: order === 2 ? Math.sqrt(total.updates) : total.updates,
      params: Math.sqrt(total.params),
    };
    for (const { barrier, options, values } of there) {
      if (barrier!.kind === "norm") values[barrier!.factor] = entry.factor(options[barrier!.local], norms);
    }
  }

  /** Whether the last part has come. */
  #gather(rule: number, there: readonly LeafRun[]): boolean {
    const { rules } = this.#memory;
    const parts = rules.get(rule)!.parts! + 1;
    const [{ options, barrier }] = there as [LeafRun];
    const isLast = parts >= options[barrier!.local].every;
    rules.set(rule, { parts: isLast ? 0 : parts });
    for (const { barrier, values } of there) {
      if (barrier!.kind === "accumulate" && barrier!.factor !== null) values[barrier!.factor] = 1 / parts;
    }
    return isLast;
  }

  #check(rule: number, there: readonly LeafRun[]): Outcome["skipped"] {
    const { rules } = this.#memory;
    const { consecutive, skipped } = rules.get(rule) as { consecutive: number; skipped: number };
    const bad = there.find((leaf) => !leaf.x().every(Number.isFinite));
    const row = bad ? consecutive + 1 : 0;
    rules.set(rule, { consecutive: row, skipped: bad ? skipped + 1 : skipped });
    return bad ? { path: bad.leaf.path, consecutive: row } : null;
  }

  /** A user's function sees all leaves that it stands for: zeros where something holds them back. */
  #user(rule: number, there: readonly LeafRun[]): void {
    const { apply } = this.all[rule]!.rule as CustomRule;
    const updates = this.#treeOf(rule, (leaf) => {
      return there.includes(leaf) ? leaf.scratch : new Float32Array(leaf.params.length);
    });
    const [result, state] = apply(
      updates,
      this.custom[rule],
      this.#treeOf(rule, ({ params }) => params),
    );
    if (result !== updates) throw new Error("the interpreter takes user functions that change the updates in place");
    this.custom[rule] = state;
  }

  #treeOf(rule: number, pick: (leaf: LeafRun) => Float32Array): unknown {
    const meets = this.leaves.map((leaf) => leaf?.rules.some(({ index }) => index === rule));
    return buildTree(this.#tree.skeleton, (i) => (meets[i] ? pick(this.leaves[i]!) : undefined)) ?? {};
  }
}
