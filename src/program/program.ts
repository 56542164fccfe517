// A program is what a chain does in one step, in order, for any layout: stages of passes. A stage ends where the whole
// tree must be known (a global norm, a user's function). Within a stage the passes run one behind the other over the
// whole range, or, where one needs a single leaf (a trust ratio, row means), all of them leaf by leaf, so that a leaf
// is still in cache.

import type { BodyUse, BoundRule, CustomRule, ElementwiseRule, KernelRule, NormRule } from "../updates/rule.js";
import { decayed, type Expression, type Form, identityForm, scaled, value } from "./form.js";

// biome-ignore lint/suspicious/noExplicitAny: see Rule.
type Any = any;

/** What a linked loop does to the register, before its sink. */
export type Operation =
  | { readonly kind: "linear"; readonly form: Form }
  | {
      readonly kind: "body";
      readonly rule: number;
      readonly uses: readonly BodyUse[];
      /** Index of each scalar of the rule among the values of a step. */
      readonly scalars: ReadonlyMap<string, number>;
    };

/** Where a pass reads x: the gradients, or what an earlier pass parked. */
export type Source = "grads" | "scratch";

export type Pass =
  | {
      readonly kind: "loop";
      readonly source: Source;
      readonly operations: readonly Operation[];
      /** `park`: x is kept for later passes; `result`: it is applied to the parameters, or written to the gradients. */
      readonly sink: "park" | "result";
    }
  | {
      readonly kind: "norm";
      readonly source: Source;
      readonly form: Form;
      readonly rule: number;
      readonly entry: NormRule<Any>;
      /** Where its factor goes among the values. */
      readonly factor: number;
    }
  | {
      readonly kind: "kernel";
      readonly source: Source;
      readonly a: Expression | null;
      readonly rule: number;
      readonly entry: KernelRule<Any>;
      readonly scalars: ReadonlyMap<string, number>;
    };

export type Stage =
  | { readonly kind: "passes"; readonly byLeaf: boolean; readonly passes: readonly Pass[] }
  | { readonly kind: "custom"; readonly rule: number; readonly entry: CustomRule };

/** One plane of state. */
export interface ProgramSlot {
  readonly rule: number;
  readonly name: string;
  readonly initial: number;
  readonly decays: boolean;
}

export interface Program {
  readonly rules: readonly BoundRule[];
  readonly stages: readonly Stage[];
  readonly slots: readonly ProgramSlot[];
  /** How much of a tree parked values need: nothing, the largest leaf, or all of it. */
  readonly scratch: "none" | "leaf" | "tree";
  /** Host scalars, by rule and name, and behind them the factors of norms: the values of a step. */
  readonly valueCount: number;
  readonly scalars: readonly { readonly rule: number; readonly name: string; readonly index: number }[];
  /** Indices of factors that differ from leaf to leaf. */
  readonly leafFactors: readonly number[];
}

/** An object with the slots of one rule: by name, what `pick` gives for a slot's index in the program. */
export const bySlot = <Value>({ slots }: Program, rule: number, pick: (slot: number) => Value): Record<string, Value> =>
  Object.fromEntries(slots.flatMap((slot, i) => (slot.rule === rule ? [[slot.name, pick(i)]] : [])));

/** Compiles a chain. It depends on the chain's structure alone, never on the values of its options. */
export function compile(rules: readonly BoundRule[]): Program {
  const stages: Stage[] = [];
  const slots: ProgramSlot[] = [];
  const scalars: { rule: number; name: string; index: number }[] = [];
  const leafFactors: number[] = [];
  let valueCount = 0;
  let scratch: Program["scratch"] = "none";
  // The stage at work, and what stands in the register: a·x + b·p, x being what `source` holds behind `operations`.
  let passes: Pass[] = [];
  let byLeaf = false;
  let source: Source = "grads";
  let operations: Operation[] = [];
  let form: Form = identityForm;

  const scalar = (rule: number, name: string): number => {
    scalars.push({ rule, name, index: valueCount });
    return valueCount++;
  };
  const scalarMap = (rule: number, names: Iterable<string>): ReadonlyMap<string, number> =>
    new Map(Array.from(names, (name) => [name, scalar(rule, name)]));

  const differs = (expression: Expression | null): boolean => {
    if (!expression) return false;
    if (expression.kind === "value") return leafFactors.includes(expression.index);
    return differs(expression.left) || differs(expression.right);
  };
  const differsByLeaf = ({ a, b }: Form): boolean => differs(a) || differs(b);

  /** Makes the register hold a·x + b·p. */
  const materialize = (): void => {
    if (!form.a && !form.b) return;
    operations.push({ kind: "linear", form });
    byLeaf ||= differsByLeaf(form);
    form = identityForm;
  };
  const parked = (): void => {
    source = "scratch";
    if (scratch === "none") scratch = "leaf";
  };
  const loop = (sink: "park" | "result"): void => {
    passes.push({ kind: "loop", source, operations, sink });
    operations = [];
    if (sink === "park") parked();
  };
  /** Makes x stand in memory, for a pass that reads it more than once. The form stays to be applied. */
  const park = (): void => {
    if (operations.length > 0) loop("park");
  };
  const close = (isLast: boolean): void => {
    // What is parked when a stage ends is wanted whole; passes over the whole range park a whole tree too.
    if (source === "scratch" && (!isLast || !byLeaf)) scratch = "tree";
    if (passes.length > 0) stages.push({ kind: "passes", byLeaf, passes });
    passes = [];
    byLeaf = false;
  };

  const elementwise = (rule: number, entry: ElementwiseRule<Any>): void => {
    materialize();
    const uses = entry.choose ? [entry.bodies[entry.choose(rules[rule]!.options)]!] : entry.bodies;
    operations.push({
      kind: "body",
      rule,
      uses,
      scalars: scalarMap(rule, new Set(uses.flatMap(({ constants }) => constants))),
    });
    if (entry.hasFactor) form = { a: value(scalar(rule, "factor")), b: null };
  };
  const norm = (rule: number, entry: NormRule<Any>): void => {
    park();
    const factor = valueCount++;
    passes.push({ kind: "norm", source, form, rule, entry, factor });
    if (entry.scope === "leaf") leafFactors.push(factor);
    byLeaf ||= entry.scope === "leaf" || differsByLeaf(form);
    form = scaled(form, value(factor));
    if (entry.scope === "tree") close(false);
  };
  const kernel = (rule: number, entry: KernelRule<Any>): void => {
    if (form.b) materialize();
    park();
    const named = scalarMap(rule, kernelScalars[entry.kernel]);
    passes.push({ kind: "kernel", source, a: form.a, rule, entry, scalars: named });
    parked();
    byLeaf = true;
    form = identityForm;
  };
  const custom = (rule: number, entry: CustomRule): void => {
    materialize();
    if (source === "grads" || operations.length > 0) loop("park");
    close(false);
    stages.push({ kind: "custom", rule, entry });
  };

  rules.forEach(({ rule, options }, i) => {
    for (const [name, { initial, decays }] of Object.entries(rule.slots)) {
      slots.push({ rule: i, name, initial: initial(options), decays });
    }
    switch (rule.kind) {
      case "linear":
        form = (rule.linear === "factor" ? scaled : decayed)(form, value(scalar(i, "scalar")));
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
      case "custom":
        custom(i, rule);
        break;
      default:
        rule satisfies never;
    }
  });
  materialize();
  loop("result");
  close(true);
  return { rules, stages, slots, scratch, valueCount, scalars, leafFactors };
}

const kernelScalars: Record<KernelRule<Any>["kernel"], readonly string[]> = {
  centralize: [],
  addNoise: ["sigma", "key0", "key1"],
};
