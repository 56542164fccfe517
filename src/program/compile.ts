// From the rules that a group of leaves meets to stages of passes: what folds, what cuts, which bodies run together.
//
// Linear rules only change the form a·x + b·p. A body needs its value, so it is materialised there; all bodies up to the
// next reduction run in one loop. A reduction reads x, so what runs before it is parked in the scratch plane, if it
// does anything but scale. A tree's norm, a gate and a user's function end a stage: other groups may have to arrive
// there too. A leaf's norm and a kernel make their stage run leaf by leaf.

import type { BodyUse, ElementwiseRule, GateRule, KernelRule, NormRule } from "../updates/rule.ts";
import type { PlacedRule } from "./chain.ts";
import { decayed, type Expression, type Form, identityForm, scaled, value } from "./form.ts";

// biome-ignore lint/suspicious/noExplicitAny: see Rule.
type Any = any;

/** What a linked loop does to the register, before its sink. Rules are counted within the group here. */
export type Operation =
  | { readonly kind: "linear"; readonly form: Form }
  | {
      readonly kind: "body";
      readonly rule: number;
      readonly uses: readonly (BodyUse | null)[];
      /** Index of each scalar of the rule among the values of a step. */
      readonly scalars: ReadonlyMap<string, number>;
    };

/** Where a pass reads x: the gradients, what an earlier pass parked, or a slot by its index. */
export type Source = "grads" | "scratch" | number;

export type Pass =
  | {
      readonly kind: "loop";
      readonly source: Source;
      readonly operations: readonly Operation[];
      /**
       * `park`: x is kept for later passes; `result`: it is applied to the parameters, or written to the gradients; a
       * slot: x is kept there, or added to what is.
       */
      readonly sink: "park" | "result" | number;
    }
  | {
      readonly kind: "norm";
      readonly source: Source;
      readonly form: Form;
      readonly order: 2 | typeof Infinity;
      readonly rule: number;
      /** Index in the chain of the rule whose sums these are. */
      readonly owner: number;
      /** Of a leaf's norm: the rule, and where its factor goes among the values. */
      readonly settles: { readonly entry: NormRule<Any>; readonly factor: number } | null;
    }
  | {
      readonly kind: "kernel";
      readonly source: Source;
      readonly a: Expression | null;
      readonly rule: number;
      readonly entry: KernelRule<Any>;
      readonly scalars: ReadonlyMap<string, number>;
    };

/** What ends a stage. `rule` is the index in the chain, `local` that in the group. */
export type Barrier = { readonly rule: number; readonly local: number } & (
  | { readonly kind: "norm"; readonly owner: number; readonly factor: number }
  | { readonly kind: "accumulate"; readonly factor: number | null }
  | { readonly kind: "skip"; readonly source: Source }
  | { readonly kind: "custom" }
);

export interface Stage {
  readonly byLeaf: boolean;
  readonly passes: readonly Pass[];
  /** Rules that it runs, within the group: from, to. */
  readonly rules: readonly [from: number, to: number];
  readonly barrier: Barrier | null;
}

export interface GroupProgram {
  readonly rules: readonly PlacedRule[];
  /** Whose count each rule follows: 0 is that of all steps, 1 + i that of the gate i. */
  readonly scopes: readonly number[];
  /** Indices of each rule's slots. */
  readonly slots: readonly (readonly number[])[];
  readonly stages: readonly Stage[];
  /** How much parked values need: nothing, the largest leaf, or the whole group. */
  readonly scratch: "none" | "leaf" | "tree";
  /** Host scalars, rule by rule in the order of their names, and factors of norms: the values of a step. */
  readonly valueCount: number;
  /** By rule: where its scalars begin. */
  readonly firstScalars: readonly number[];
  /** Factors that differ from leaf to leaf: their indices, and those of their rules in the chain. */
  readonly leafFactors: readonly { readonly factor: number; readonly rule: number }[];
}

/** Indices of slots, by the rule's index in the chain. */
export type SlotsOfRule = ReadonlyMap<number, readonly number[]>;

/** It depends on the structure alone, never on the values of options. */
export function compile(rules: readonly PlacedRule[], slotsOfRule: SlotsOfRule): GroupProgram {
  const stages: Stage[] = [];
  const firstScalars: number[] = [];
  const leafFactors: { factor: number; rule: number }[] = [];
  const slotsOf = rules.map(({ index }) => slotsOfRule.get(index) ?? []);
  let valueCount = 0;
  let scratch: GroupProgram["scratch"] = "none";
  // The stage at work, and what stands in the register: a·x + b·p, x being what `source` holds behind `operations`.
  let from = 0;
  let passes: Pass[] = [];
  let byLeaf = false;
  let source: Source = "grads";
  let operations: Operation[] = [];
  let form: Form = identityForm;
  /** Whose sums are those of the squares of what stands in the register now. */
  let measured: number | null = null;

  const scalarMap = (names: readonly string[]): ReadonlyMap<string, number> =>
    new Map(names.map((name) => [name, valueCount++]));

  const differs = (expression: Expression | null): boolean => {
    if (!expression) return false;
    if (expression.kind === "value") return leafFactors.some(({ factor }) => factor === expression.index);
    return differs(expression.left) || differs(expression.right);
  };
  const differsByLeaf = ({ a, b }: Form): boolean => differs(a) || differs(b);

  const becomes = (next: Form): void => {
    form = next;
    measured = null;
  };
  /** Makes the register hold a·x + b·p. */
  const materialize = (): void => {
    if (!form.a && !form.b) return;
    operations.push({ kind: "linear", form });
    byLeaf ||= differsByLeaf(form);
    becomes(identityForm);
  };
  const parked = (): void => {
    source = "scratch";
    measured = null;
    if (scratch === "none") scratch = "leaf";
  };
  const loop = (sink: "park" | "result" | number): void => {
    passes.push({ kind: "loop", source, operations, sink });
    operations = [];
    if (sink === "park") parked();
  };
  /** Makes x stand in memory, for a pass that reads it more than once. The form stays to be applied. */
  const park = (): void => {
    if (operations.length > 0) loop("park");
  };
  const close = (to: number, barrier: Barrier | null): void => {
    // What is parked when a stage ends is wanted whole; passes over the whole range park a whole tree too.
    if (source === "scratch" && (barrier || !byLeaf)) scratch = "tree";
    stages.push({ byLeaf, passes, rules: [from, to], barrier });
    from = to + 1;
    passes = [];
    byLeaf = false;
  };

  const elementwise = (rule: number, entry: ElementwiseRule<Any>): void => {
    materialize();
    const uses = entry.choose ? [entry.bodies[entry.choose(rules[rule]!.options)]!] : entry.bodies;
    const scalars = scalarMap(entry.scalars);
    operations.push({ kind: "body", rule, uses, scalars });
    const factor = scalars.get("factor");
    becomes(factor === undefined ? identityForm : { a: value(factor), b: null });
  };
  const norm = (local: number, entry: NormRule<Any>): void => {
    const { index: rule, options } = rules[local]!;
    const order = entry.order(options);
    const { scope } = entry;
    // What is parked for a leaf's norm is all of it: its decay costs less in that loop than in the sum and in the next one
    // (LAMB: 0.8 of the time. Sums inside the loop, or piece by piece behind it, gained nothing more, nor did applying
    // one leaf within the loop of the next.)
    if (form.b && (order !== 2 || (scope === "leaf" && operations.length > 0))) materialize();
    park();
    const factor = valueCount++;
    const isMeasured = order === 2 && scope === "tree" && !entry.params;
    const owner = isMeasured ? (measured ?? rule) : rule;
    if (owner === rule) {
      const settles = scope === "leaf" ? { entry, factor } : null;
      passes.push({ kind: "norm", source, form, order, rule: local, owner, settles });
    }
    if (scope === "leaf") leafFactors.push({ factor, rule });
    byLeaf ||= scope === "leaf" || differsByLeaf(form);
    becomes(scaled(form, value(factor)));
    if (scope === "tree") close(local, { kind: "norm", rule, local, owner, factor });
  };
  const kernel = (rule: number, entry: KernelRule<Any>): void => {
    if (form.b) materialize();
    park();
    passes.push({ kind: "kernel", source, a: form.a, rule, entry, scalars: scalarMap(entry.scalars) });
    parked();
    byLeaf = true;
    becomes(identityForm);
  };
  const gate = (local: number, { gate }: GateRule<Any>): void => {
    const { index: rule, options } = rules[local]!;
    materialize();
    if (gate === "accumulate") {
      const sum = slotsOf[local]![0]!;
      loop(sum);
      source = sum;
      const factor = options.mean ? valueCount++ : null;
      close(local, { kind: gate, rule, local, factor });
      becomes(factor === null ? identityForm : { a: value(factor), b: null });
    } else {
      park();
      passes.push({ kind: "norm", source, form, order: 2, rule: local, owner: rule, settles: null });
      close(local, { kind: gate, rule, local, source });
      measured = rule;
    }
  };
  const custom = (local: number): void => {
    materialize();
    if (source !== "scratch" || operations.length > 0) loop("park");
    close(local, { kind: "custom", rule: rules[local]!.index, local });
    measured = null;
  };

  let scope = 0;
  const scopes: number[] = [];
  rules.forEach(({ rule, index }, i) => {
    scopes.push(scope);
    firstScalars.push(valueCount);
    switch (rule.kind) {
      case "linear":
        becomes((rule.linear === "factor" ? scaled : decayed)(form, value(valueCount++)));
        break;
      case "elementwise":
        elementwise(i, rule);
        break;
      case "norm":
        norm(i, rule);
        break;
      case "kernel":
        kernel(i, rule);
        break;
      case "gate":
        gate(i, rule);
        scope = 1 + index;
        break;
      case "custom":
        custom(i);
        break;
      case "freeze":
      case "partition":
        break;
      default:
        rule satisfies never;
    }
  });
  materialize();
  loop("result");
  close(rules.length, null);
  return { rules, scopes, slots: slotsOf, stages, scratch, valueCount, firstScalars, leafFactors };
}
