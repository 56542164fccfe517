// One leaf of the interpreter: its planes, the rules that it meets, and what their passes do to its elements.

import { resolveAll } from "../../src/options.ts";
import type { PlacedRule } from "../../src/program/chain.ts";
import {
  type Barrier,
  compile,
  type GroupProgram,
  type Operation,
  type Pass,
  type Source,
} from "../../src/program/compile.ts";
import { evaluate, type Form } from "../../src/program/form.ts";
import { indexSlots, type ProgramSlot } from "../../src/program/program.ts";
import type { TreeLeaf } from "../../src/tree/layout.ts";
import type { Numbers } from "../../src/updates/rule.ts";
import { bodies } from "./bodies.ts";
import { centralize, maxMagnitude, sumSquares, sumSquaresDecayed } from "./kernels.ts";
import { normals } from "./noise.ts";

const f = Math.fround;

/** What is done to one element: x, the parameter, where they stand. */
type Element = (x: number, p: number, at: number) => number;

/** What is remembered between steps, beside the planes. */
export interface Memory {
  readonly all: readonly PlacedRule[];
  /** Steps behind no gate; then by gate those that it let through. */
  steps: number;
  readonly passed: Map<number, number>;
  /** Of gates that gather, how many parts are there; of a plateau, what it has seen. */
  readonly rules: Map<number, Numbers>;
  /** Steps in which parameters changed. */
  changes: number;
}

/** One leaf, with all that belongs to it. */
export class LeafRun {
  readonly program: GroupProgram;
  readonly values: Float64Array;
  readonly grads: Float32Array;
  readonly scratch: Float32Array;
  /** By index among all slots: those of the rules that it meets. */
  readonly slots: ReadonlyMap<number, Float32Array>;
  /** The gate that each rule waits behind, or -1. */
  readonly gates: readonly number[];
  /** By rule, as its norm was taken last. */
  readonly sums = new Map<number, { updates: number; params: number }>();
  // biome-ignore lint/suspicious/noExplicitAny: as each rule resolves them.
  options: any[] = [];
  steps: number[] = [];
  stage = 0;
  barrier: Barrier | null = null;
  isActive = true;

  constructor(
    readonly leaf: TreeLeaf,
    readonly rules: readonly PlacedRule[],
    all: readonly ProgramSlot[],
    readonly params: Float32Array,
  ) {
    this.program = compile(rules, indexSlots(all));
    this.values = new Float64Array(this.program.valueCount);
    this.grads = new Float32Array(params.length);
    this.scratch = new Float32Array(params.length);
    const met = new Set(rules.map(({ index }) => index));
    const own = all.flatMap(({ rule, initial }, i): [number, Float32Array][] => {
      if (!met.has(rule)) return [];
      return [[i, initial === "params" ? params.slice() : new Float32Array(params.length).fill(initial)]];
    });
    this.slots = new Map(own);
    let gate = -1;
    this.gates = rules.map(({ rule, index }) => {
      const before = gate;
      if (rule.kind === "gate") gate = index;
      return before;
    });
  }

  /** What its rules compute with in this step. */
  prepare({ steps, passed }: Memory, pending: ReadonlyMap<number, Numbers>): void {
    this.rules.forEach(({ rule, options, index }, i) => {
      const gate = rule.kind === "gate" ? index : this.gates[i]!;
      const step = gate < 0 ? steps : passed.get(gate)!;
      this.steps[i] = step;
      this.options[i] = resolveAll(options as Record<string, never>, step, rule.name, rule.options);
      const first = this.program.firstScalars[i]!;
      if (rule.kind === "linear") {
        this.values[first] = rule.scalar(this.options[i], step, pending.get(index) ?? {});
      } else if (rule.kind === "elementwise" || rule.kind === "kernel") {
        rule.compute(this.options[i], step).forEach((scalar, k) => {
          this.values[first + k] = scalar;
        });
      }
    });
    this.stage = 0;
    this.barrier = null;
    this.isActive = true;
  }

  /** Goes on to the next barrier, or to the end. `begins`: whether a sum of gradients begins, by gate. */
  advance(begins: (gate: number) => boolean): void {
    while (this.isActive && !this.barrier && this.stage < this.program.stages.length) {
      const { passes, barrier } = this.program.stages[this.stage++]!;
      for (const pass of passes) this.#pass(pass, barrier, begins);
      this.barrier = barrier;
    }
  }

  /** x as it stands at the barrier, where nothing is still to be multiplied. */
  x(): Float32Array {
    const next = this.program.stages.slice(this.stage).flatMap(({ passes }) => passes)[0]!;
    return this.plane(next.source);
  }

  plane(source: Source): Float32Array {
    if (typeof source === "number") return this.slots.get(source)!;
    return source === "grads" ? this.grads : this.scratch;
  }

  #pass(pass: Pass, barrier: Barrier | null, begins: (gate: number) => boolean): void {
    if (pass.kind === "loop") this.#loop(pass, barrier?.kind === "accumulate" && !begins(barrier.rule));
    else if (pass.kind === "kernel") this.#kernel(pass);
    else this.#norm(pass);
  }

  #loop({ source, operations, sink }: Extract<Pass, { kind: "loop" }>, adds: boolean): void {
    const x = this.plane(source);
    const elements = operations.map((operation) => this.#element(operation));
    const out = sink === "park" ? this.scratch : sink === "result" ? this.grads : this.slots.get(sink)!;
    for (let at = 0; at < x.length; at++) {
      let u = x[at]!;
      for (const element of elements) u = element(u, this.params[at]!, at);
      out[at] = typeof sink === "number" && adds ? f(out[at]! + u) : u;
    }
  }

  #element(operation: Operation): Element {
    if (operation.kind === "linear") return this.#linear(operation.form);
    const { rule, uses, scalars } = operation;
    const { rule: entry, index } = this.rules[rule]!;
    const selects = uses.length > 1 && entry.kind === "elementwise";
    const use = uses[selects ? entry.select!(this.options[rule], this.steps[rule]!) : 0]!;
    if (!use) return (x) => x;
    const own = Object.keys(this.rules[rule]!.rule.slots);
    const slots = [...this.slots].filter(([i]) => this.slotRules[i] === index).map(([, plane]) => plane);
    if (slots.length !== own.length) throw new Error("the interpreter has lost a slot");
    const rounded = use.constants.map((name) => f(this.values[scalars.get(name)!]!));
    return (x, p, at) => bodies[use.body](x, slots, at, rounded, p);
  }

  /** By index among all slots: its rule. */
  slotRules: readonly number[] = [];

  #linear(form: Form): Element {
    const a = f(evaluate(form.a, this.values, 1));
    if (!form.b) return (x) => f(a * x);
    const b = f(evaluate(form.b, this.values, 0));
    return (x, p) => f(f(a * x) + f(b * p));
  }

  #kernel({ source, a, rule, entry, scalars }: Extract<Pass, { kind: "kernel" }>): void {
    if (this.leaf.length === 0) return;
    const x = this.plane(source);
    const out = this.scratch;
    const factor = f(evaluate(a, this.values, 1));
    const scalar = (name: string) => this.values[scalars.get(name)!]!;
    switch (entry.kernel) {
      case "centralize":
        centralize(out, x, this.leaf.shape, factor);
        break;
      case "addNoise": {
        const sigma = f(scalar("sigma"));
        const key = [scalar("key0"), scalar("key1")] as const;
        const z = normals(this.leaf, key, this.steps[rule]!, this.rules[rule]!.index);
        for (let i = 0; i < x.length; i++) out[i] = f(f(factor * x[i]!) + f(sigma * z[i]!));
        break;
      }
      default:
        entry.kernel satisfies never;
    }
  }

  /** Sums up; a leaf's own norm becomes its factor at once. */
  #norm({ source, form: { a, b }, order, rule, settles }: Extract<Pass, { kind: "norm" }>): void {
    const x = this.plane(source);
    const { rule: owner, index } = this.rules[rule]!;
    const factor = evaluate(a, this.values, 1);
    const decay = evaluate(b, this.values, 0);
    const wantsParams = owner.kind === "norm" && owner.params;
    const squares = () => (b ? sumSquaresDecayed(x, this.params, factor, decay) : factor * factor * sumSquares(x));
    const sums = {
      updates: order === 2 ? squares() : Math.abs(factor) * maxMagnitude(x),
      params: wantsParams ? sumSquares(this.params) : 0,
    };
    this.sums.set(index, sums);
    if (!settles) return;
    const norms = { updates: Math.sqrt(sums.updates), params: Math.sqrt(sums.params) };
    this.values[settles.factor] = settles.entry.factor(this.options[rule], norms);
  }
}
