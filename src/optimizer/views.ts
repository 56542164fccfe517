// An optimizer's planes as trees of views.

import type { Engine, PlaneId } from "../backends/backend.ts";
import type { PlacedRule } from "../program/chain.ts";
import type { Program } from "../program/program.ts";
import { buildTree, type Layout } from "../tree/layout.ts";
import type { FoundLeaf } from "../tree/leaf.ts";

type View = Float32Array<ArrayBuffer>;

/** The views of one optimizer, made when they are first asked for. */
export class PlaneViews {
  readonly #program: Program;
  readonly #engine: Pick<Engine, "view">;
  #leaves: Map<PlaneId, readonly (View | null)[]> | undefined;
  #trees: Map<PlaneId, unknown> | undefined;

  constructor(program: Program, engine: Pick<Engine, "view">) {
    this.#program = program;
    this.#engine = engine;
  }

  /** By leaf; null where the plane has no place for it. */
  leaves(id: PlaneId): readonly (View | null)[] {
    this.#leaves ??= new Map();
    let views = this.#leaves.get(id);
    if (!views) {
      views = this.#program.layout.leaves.map((leaf) => this.#engine.view(id, leaf));
      this.#leaves.set(id, views);
    }
    return views;
  }

  /** With the keys of the parameters; leaves that the plane has no place for are left out. */
  tree(id: PlaneId): unknown {
    this.#trees ??= new Map();
    if (!this.#trees.has(id)) {
      const views = this.leaves(id);
      this.#trees.set(
        id,
        this.#build((i) => views[i] ?? undefined, Object.freeze),
      );
    }
    return this.#trees.get(id);
  }

  /** Whether it is the tree that was given out. */
  isTree(id: PlaneId, value: unknown): boolean {
    return this.#trees?.get(id) === value;
  }

  /** The same with other arrays in the place of leaves that the plane has no place for. */
  treeOr(id: PlaneId, other: (length: number) => View): unknown {
    const views = this.leaves(id);
    if (!views.includes(null)) return this.tree(id);
    const { leaves } = this.#program.layout;
    return this.#build((i) => views[i] ?? other(leaves[i]!.length), Object.freeze);
  }

  /** Of the leaves alone that a rule applies to. */
  leavesOf(id: PlaneId, rule: number): readonly (View | null)[] {
    const { groups, layout } = this.#program;
    const has = groups.map(({ rules }) => rules.some(({ index }) => index === rule));
    return this.leaves(id).map((view, i) => (has[layout.leaves[i]!.group] ? view : null));
  }

  treeOf(id: PlaneId, rule: number): unknown {
    const views = this.leavesOf(id, rule);
    if (!views.includes(null)) return this.tree(id);
    return this.#build((i) => views[i] ?? undefined, Object.freeze);
  }

  /** The same in fresh arrays. */
  copy(id: PlaneId): unknown {
    const views = this.leaves(id);
    return this.#build((i) => views[i]?.slice());
  }

  #build(leafAt: (index: number) => unknown, finish?: <T extends object>(node: T) => T): unknown {
    return buildTree(this.#program.layout.skeleton, leafAt, finish) ?? {};
  }
}

/** The state of rules, as `optimizer.state` has it: `pick` gives what stands at a slot, `custom` a user's own state. */
export function stateTree(
  program: Program,
  rules: readonly PlacedRule[],
  pick: (slot: number) => unknown,
  custom: (rule: number) => unknown,
  finish: <T extends object>(node: T) => T = (node) => node,
): unknown[] {
  return rules.map(({ rule, index, groups }) => {
    if (rule.kind === "custom") return custom(index) ?? {};
    const inner = [...groups].map(([label, own]) => [label, stateTree(program, own, pick, custom, finish)]);
    const slots = program.slots.flatMap((slot, i) => (slot.rule === index ? [[slot.name, pick(i)]] : []));
    return finish(Object.fromEntries([...inner, ...slots]));
  });
}

/** Whether leaves are views of the very memory that they are to be written into. */
const overlap = (found: readonly (FoundLeaf | undefined)[], views: readonly (View | null)[]): boolean => {
  const buffer = views.find((view) => view !== null)?.buffer;
  return found.some((leaf) => buffer !== undefined && (leaf?.data as View | null | undefined)?.buffer === buffer);
};

/** Copies leaves into views, in the layout's order; those that are absent on either side are left alone. */
export function writeLeaves(views: readonly (View | null)[], found: readonly (FoundLeaf | undefined)[]): void {
  // In other places of this memory: those are copied before any of it is written.
  const copies = overlap(found, views);
  const own = found.map((leaf) => {
    const data = leaf?.data ?? null;
    return copies && ArrayBuffer.isView(data) ? (data as View).slice() : data;
  });
  views.forEach((view, i) => {
    const data = own[i]!;
    if (view === null || data === null) return;
    if (typeof data === "number") view[0] = data;
    else view.set(data);
  });
}

/** The leaves that are not frozen have gradients. */
export const isFrozen = ({ groups }: Pick<Program, "groups">, { group }: Layout["leaves"][number]): boolean =>
  group >= groups.length;
