// The first oracle: runs a program pass by pass and element by element in plain JavaScript, every operation rounded by
// Math.fround. Linked, warmed and tiled loops must give its bits. It takes nothing of a backend but the normal numbers.

import { FLUSH_INTERVAL } from "../../src/backends/backend.js";
import { evaluate, type Form } from "../../src/program/form.js";
import { compile, type Operation, type Pass, type Program, type Source } from "../../src/program/program.js";
import { StepValues } from "../../src/program/values.js";
import { buildTree, type Layout, type LayoutLeaf } from "../../src/tree/layout.js";
import type { BoundRule, CustomRule } from "../../src/updates/rule.js";
import { bodies } from "./bodies.js";
import { centralize, flush, sumSquares, sumSquaresDecayed } from "./kernels.js";
import { normals } from "./noise.js";

const f = Math.fround;

/** What is done to one element: x, the parameter, where they stand. */
type Element = (x: number, p: number, at: number) => number;

export class Interpreter {
  readonly program: Program;
  readonly params: Float32Array;
  readonly grads: Float32Array;
  readonly slots: readonly Float32Array[];
  readonly #scratch: Float32Array;
  readonly #values: StepValues;
  /** By value: the factor of each leaf. */
  readonly #leafFactors: ReadonlyMap<number, Float64Array>;
  readonly #custom: unknown[];

  constructor(
    rules: readonly BoundRule[],
    readonly layout: Layout,
    params: Float32Array,
  ) {
    this.program = compile(rules);
    const { slots, leafFactors } = this.program;
    this.#values = new StepValues(this.program);
    this.params = params.slice();
    this.grads = new Float32Array(layout.size);
    this.#scratch = new Float32Array(layout.size);
    this.slots = slots.map(({ initial }) => new Float32Array(layout.size).fill(initial));
    this.#leafFactors = new Map(leafFactors.map((index) => [index, new Float64Array(layout.leaves.length)]));
    this.#custom = rules.map(({ rule }) => (rule.kind === "custom" ? rule.init?.(this.#tree(this.params)) : null));
  }

  /** Overwrites `grads` with the updates of a step. */
  update(step: number): void {
    this.#values.at(step);
    for (const stage of this.program.stages) {
      if (stage.kind === "custom") this.#runCustom(stage.rule, stage.entry);
      else for (const pass of stage.passes) this.#pass(pass);
    }
    if ((step + 1) % FLUSH_INTERVAL !== 0) return;
    this.program.slots.forEach(({ decays }, i) => {
      if (decays) flush(this.slots[i]!);
    });
  }

  apply(): void {
    for (let i = 0; i < this.params.length; i++) this.params[i] = f(this.params[i]! + this.grads[i]!);
  }

  #pass(pass: Pass): void {
    const { leaves } = this.layout;
    const norms = { updates: 0, params: 0 };
    leaves.forEach((leaf, i) => {
      for (const [index, factors] of this.#leafFactors) this.#values.values[index] = factors[i]!;
      if (pass.kind === "loop") this.#loop(pass, leaf);
      else if (pass.kind === "kernel") this.#kernel(pass, leaf);
      else if (pass.entry.scope === "tree") this.#addNorms(norms, pass, leaf);
      else {
        const own = { updates: 0, params: 0 };
        this.#addNorms(own, pass, leaf);
        this.#leafFactors.get(pass.factor)![i] = this.#factor(pass, own);
      }
    });
    if (pass.kind === "norm" && pass.entry.scope === "tree") {
      this.#values.values[pass.factor] = this.#factor(pass, norms);
    }
  }

  #loop({ source, operations, sink }: Extract<Pass, { kind: "loop" }>, { offset, length }: LayoutLeaf): void {
    const x = this.#source(source);
    const out = sink === "park" ? this.#scratch : this.grads;
    const elements = operations.map((operation) => this.#element(operation));
    for (let at = offset; at < offset + length; at++) {
      let u = x[at]!;
      for (const element of elements) u = element(u, this.params[at]!, at);
      out[at] = u;
    }
  }

  #element(operation: Operation): Element {
    const { values, options, step } = this.#values;
    if (operation.kind === "linear") return this.#linear(operation.form);
    const { rule, uses, scalars } = operation;
    const entry = this.program.rules[rule]!.rule;
    const selected = uses.length > 1 && entry.kind === "elementwise" ? entry.select!(options[rule], step) : 0;
    const { body, constants } = uses[selected]!;
    const slots = this.slots.filter((_, i) => this.program.slots[i]!.rule === rule);
    const rounded = constants.map((name) => f(values[scalars.get(name)!]!));
    return (x, _p, at) => bodies[body](x, slots, at, rounded);
  }

  #linear(form: Form): Element {
    const { values } = this.#values;
    const a = f(evaluate(form.a, values, 1));
    if (!form.b) return (x) => f(a * x);
    const b = f(evaluate(form.b, values, 0));
    return (x, p) => f(f(a * x) + f(b * p));
  }

  #kernel({ source, a, rule, entry, scalars }: Extract<Pass, { kind: "kernel" }>, leaf: LayoutLeaf): void {
    if (leaf.length === 0) return;
    const { values, step } = this.#values;
    const x = this.#of(this.#source(source), leaf);
    const out = this.#of(this.#scratch, leaf);
    const factor = f(evaluate(a, values, 1));
    const scalar = (name: string) => values[scalars.get(name)!]!;
    switch (entry.kernel) {
      case "centralize":
        centralize(out, x, leaf.shape, factor);
        break;
      case "addNoise": {
        const sigma = f(scalar("sigma"));
        const z = normals(leaf, [scalar("key0"), scalar("key1")], step, rule);
        for (let i = 0; i < x.length; i++) out[i] = f(f(factor * x[i]!) + f(sigma * z[i]!));
        break;
      }
      default:
        entry.kernel satisfies never;
    }
  }

  #addNorms(sums: { updates: number; params: number }, pass: Extract<Pass, { kind: "norm" }>, leaf: LayoutLeaf): void {
    const { values } = this.#values;
    const x = this.#of(this.#source(pass.source), leaf);
    const p = this.#of(this.params, leaf);
    const { a, b } = pass.form;
    const factor = evaluate(a, values, 1);
    sums.updates += b ? sumSquaresDecayed(x, p, factor, evaluate(b, values, 0)) : factor * factor * sumSquares(x);
    if (pass.entry.params) sums.params += sumSquares(p);
  }

  #factor({ entry, rule }: Extract<Pass, { kind: "norm" }>, squares: { updates: number; params: number }): number {
    const norms = { updates: Math.sqrt(squares.updates), params: Math.sqrt(squares.params) };
    return entry.factor(this.#values.options[rule], norms);
  }

  #runCustom(rule: number, { apply }: CustomRule): void {
    const updates = this.#tree(this.#scratch);
    const [result, state] = apply(updates, this.#custom[rule], this.#tree(this.params));
    if (result !== updates) throw new Error("the interpreter takes user functions that change the updates in place");
    this.#custom[rule] = state;
  }

  #source(source: Source): Float32Array {
    return source === "grads" ? this.grads : this.#scratch;
  }

  #of(plane: Float32Array, { offset, length }: LayoutLeaf): Float32Array {
    return plane.subarray(offset, offset + length);
  }

  #tree(plane: Float32Array): unknown {
    return buildTree(this.layout.skeleton, (i) => this.#of(plane, this.layout.leaves[i]!));
  }
}
