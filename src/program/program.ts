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
  /** Rules whose body is chosen anew in each step: each doubles the loops to link. */
  readonly selecting: readonly number[];
}

/** Compiles a chain. It depends on the chain's structure alone, never on the values of its options. */
export function compile(rules: readonly BoundRule[]): Program {
  return new Compiler(rules).run();
}

class Compiler {
  readonly #stages: Stage[] = [];
  readonly #slots: ProgramSlot[] = [];
  readonly #scalars: { rule: number; name: string; index: number }[] = [];
  readonly #leafFactors = new Set<number>();
  readonly #selecting: number[] = [];
  #values = 0;
  #passes: Pass[] = [];
  #byLeaf = false;
  #source: Source = "grads";
  #operations: Operation[] = [];
  #form: Form = identityForm;
  #scratch: Program["scratch"] = "none";

  constructor(readonly rules: readonly BoundRule[]) {}

  run(): Program {
    this.rules.forEach(({ rule, options }, i) => {
      for (const [name, { initial, decays }] of Object.entries(rule.slots)) {
        this.#slots.push({ rule: i, name, initial: initial(options), decays });
      }
      switch (rule.kind) {
        case "linear": {
          const scalar = value(this.#scalar(i, "scalar"));
          this.#form = rule.linear === "factor" ? scaled(this.#form, scalar) : decayed(this.#form, scalar);
          break;
        }
        case "elementwise":
          this.#body(i, rule);
          break;
        case "norm":
          this.#norm(i, rule);
          break;
        case "kernel":
          this.#kernel(i, rule);
          break;
        case "custom":
          this.#materialize();
          if (this.#source === "grads" || this.#operations.length > 0) this.#loop("park");
          this.#close();
          this.#stages.push({ kind: "custom", rule: i, entry: rule });
          break;
        default:
          rule satisfies never;
      }
    });
    this.#materialize();
    this.#loop("result");
    this.#close();
    return {
      rules: this.rules,
      stages: this.#stages,
      slots: this.#slots,
      scratch: this.#scratch,
      valueCount: this.#values,
      scalars: this.#scalars,
      leafFactors: [...this.#leafFactors],
      selecting: this.#selecting,
    };
  }

  #body(rule: number, entry: ElementwiseRule<Any>): void {
    this.#materialize();
    const { options } = this.rules[rule]!;
    const uses = entry.choose ? [entry.bodies[entry.choose(options)]!] : entry.bodies;
    if (uses.length > 1) this.#selecting.push(rule);
    const scalars = this.#allScalars(rule, new Set(uses.flatMap(({ constants }) => constants)));
    this.#operations.push({ kind: "body", rule, uses, scalars });
    if (entry.hasFactor) this.#form = { a: value(this.#scalar(rule, "factor")), b: null };
  }

  #norm(rule: number, entry: NormRule<Any>): void {
    this.#park();
    const factor = this.#values++;
    this.#passes.push({ kind: "norm", source: this.#source, form: this.#form, rule, entry, factor });
    if (entry.scope === "leaf") this.#leafFactors.add(factor);
    this.#byLeaf ||= entry.scope === "leaf" || this.#differsByLeaf(this.#form);
    this.#form = scaled(this.#form, value(factor));
    if (entry.scope === "tree") this.#close();
  }

  #kernel(rule: number, entry: KernelRule<Any>): void {
    if (this.#form.b) this.#materialize();
    this.#park();
    const scalars = this.#allScalars(rule, kernelScalars[entry.kernel]);
    this.#passes.push({ kind: "kernel", source: this.#source, a: this.#form.a, rule, entry, scalars });
    this.#parked();
    this.#byLeaf = true;
    this.#form = identityForm;
  }

  #scalar(rule: number, name: string): number {
    const index = this.#values++;
    this.#scalars.push({ rule, name, index });
    return index;
  }

  #allScalars(rule: number, names: Iterable<string>): ReadonlyMap<string, number> {
    return new Map(Array.from(names, (name) => [name, this.#scalar(rule, name)]));
  }

  /** Makes the register hold a·x + b·p. */
  #materialize(): void {
    if (!this.#form.a && !this.#form.b) return;
    this.#operations.push({ kind: "linear", form: this.#form });
    this.#byLeaf ||= this.#differsByLeaf(this.#form);
    this.#form = identityForm;
  }

  /** Makes x stand in memory, for a pass that reads it more than once. The form stays to be applied. */
  #park(): void {
    if (this.#operations.length > 0) this.#loop("park");
  }

  #loop(sink: "park" | "result"): void {
    this.#passes.push({ kind: "loop", source: this.#source, operations: this.#operations, sink });
    this.#operations = [];
    if (sink === "park") this.#parked();
  }

  #parked(): void {
    this.#source = "scratch";
    if (this.#scratch === "none") this.#scratch = "leaf";
  }

  #close(): void {
    // What is parked when a stage ends is wanted whole; passes over the whole range park a whole tree too.
    const isLast = this.#passes.at(-1)?.kind === "loop" && (this.#passes.at(-1) as { sink: string }).sink === "result";
    if (this.#source === "scratch" && (!isLast || !this.#byLeaf)) this.#scratch = "tree";
    if (this.#passes.length > 0) this.#stages.push({ kind: "passes", byLeaf: this.#byLeaf, passes: this.#passes });
    this.#passes = [];
    this.#byLeaf = false;
  }

  #differsByLeaf({ a, b }: Form): boolean {
    const differs = (expression: Expression | null): boolean => {
      if (!expression) return false;
      if (expression.kind === "value") return this.#leafFactors.has(expression.index);
      return differs(expression.left) || differs(expression.right);
    };
    return differs(a) || differs(b);
  }
}

const kernelScalars: Record<KernelRule<Any>["kernel"], readonly string[]> = {
  centralize: [],
  addNoise: ["sigma", "key0", "key1"],
};
