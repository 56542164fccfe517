// Every rule by its formula, unfolded, in double precision, in plain JavaScript: the oracle of the tests, and what runs
// where an engine has no WebAssembly SIMD. State and parameters are f32, as everywhere; within a step x is not rounded.

import type { Barrier, GroupProgram } from "../../program/compile.ts";
import type { Program } from "../../program/program.ts";
import type { StepValues } from "../../program/values.ts";
import type { LayoutGroup, LayoutLeaf } from "../../tree/layout.ts";
import {
  type BackendInfo,
  type Engine,
  FLUSH_BELOW,
  type Mode,
  type PlaneId,
  type Sums,
  zeroSums,
} from "../backend.ts";

type Plane = Float32Array<ArrayBuffer>;

export class ReferenceEngine implements Engine {
  readonly backend: BackendInfo;
  readonly sums: readonly Sums[];
  readonly #program: Program;
  readonly #values: readonly StepValues[];
  readonly #planes = new Map<PlaneId, Plane>();
  /** By slot and group. */
  readonly #slots: readonly ReadonlyMap<number, Plane>[];
  readonly #x: Float64Array;

  constructor(program: Program, values: readonly StepValues[], reason: string, keepsUpdates: boolean) {
    this.backend = Object.freeze({ name: "reference", path: "reference", reason });
    this.#program = program;
    this.#values = values;
    const { layout, custom } = program;
    this.#x = new Float64Array(layout.live);
    this.#planes.set("params", new Float32Array(layout.size));
    for (const id of ["grads", ...(custom ? ["scratch"] : []), ...(keepsUpdates ? ["updates"] : [])]) {
      this.#planes.set(id as PlaneId, new Float32Array(layout.live));
    }
    this.#slots = program.slots.map(({ initial }, slot) => {
      const pieces = program.groupsOfSlot[slot]!.map((g): [number, Plane] => {
        const { begin, end } = layout.groups[g]!;
        return [g, new Float32Array(end - begin).fill(typeof initial === "number" ? initial : 0)];
      });
      return new Map(pieces);
    });
    this.sums = zeroSums(program);
  }

  view(id: PlaneId, leaf: LayoutLeaf): Plane | null {
    const { groups } = this.#program;
    if (typeof id !== "number") {
      return id === "params" || leaf.group < groups.length ? of(this.#planes.get(id)!, leaf) : null;
    }
    const plane = this.#slots[id]!.get(leaf.group);
    return plane ? of(plane, leaf, this.#program.layout.groups[leaf.group]!.begin) : null;
  }

  spans(id: PlaneId): readonly Plane[] {
    return typeof id === "number" ? [...this.#slots[id]!.values()] : [this.#planes.get(id)!];
  }

  begin(): void {
    this.#x.set(this.#planes.get("grads")!);
  }

  stage(group: number, stage: number, mode: Mode): void {
    const { stages } = this.#program.groups[group]!;
    const { rules, barrier } = stages[stage]!;
    // What the norm or the mean at the end of the last stage came to.
    const before = stages[stage - 1]?.barrier;
    if (before && "factor" in before && before.factor !== null) {
      scale(this.#of(group), this.#values[group]!.values[before.factor]!);
    }
    for (let local = rules[0]; local < rules[1]; local++) this.#rule(group, local);
    if (barrier) this.#arrive(group, barrier, mode);
    else this.#finish(group, mode);
  }

  squares(id: PlaneId, leaf: LayoutLeaf): number {
    return sumOfSquares(this.view(id, leaf) ?? []);
  }

  nonFinite(group: number): number {
    const { leaves } = this.#layout(group);
    return leaves.find((leaf) => !of(this.#x, leaf).every((x) => Number.isFinite(Math.fround(x))))?.index ?? -1;
  }

  expose(group: number, isActive: boolean): void {
    this.#of(group, this.#planes.get("scratch")!).set(isActive ? this.#of(group) : this.#of(group).map(() => 0));
  }

  takeBack(group: number): void {
    this.#of(group).set(this.#of(group, this.#planes.get("scratch")!));
  }

  zeroGrads(group: number): void {
    this.#of(group, this.#planes.get("grads")!).fill(0);
  }

  apply(group: number): void {
    this.#add(group, this.#of(group, this.#planes.get("grads")!));
  }

  flush(group: number): void {
    for (const slot of this.#program.groups[group]!.slots.flat()) {
      const plane = this.#slots[slot]!.get(group)!;
      if (!this.#program.slots[slot]!.decays) continue;
      for (let k = 0; k < plane.length; k++) if (Math.abs(plane[k]!) < FLUSH_BELOW) plane[k] = 0;
    }
  }

  #rule(group: number, local: number): void {
    const { rules, slots } = this.#program.groups[group]! as GroupProgram;
    const { leaves } = this.#layout(group);
    const step = this.#values[group]!;
    const { options, values } = step;
    const { rule, index } = rules[local]!;
    const params = this.#planes.get("params")!;
    switch (rule.kind) {
      case "linear": {
        const factor = values[this.#program.groups[group]!.firstScalars[local]!]!;
        const [x, p] = [this.#of(group), this.#of(group, params)];
        if (rule.linear === "factor") scale(x, factor);
        else for (let k = 0; k < x.length; k++) x[k]! += factor * p[k]!;
        break;
      }
      case "elementwise": {
        const reference = rule.reference(options[local], step.ageOf(local));
        for (const leaf of leaves) {
          const state = slots[local]!.map((slot) => [this.#program.slots[slot]!.name, this.view(slot, leaf)!]);
          reference(of(this.#x, leaf), of(params, leaf), Object.fromEntries(state));
        }
        break;
      }
      // That of a whole tree waits for the other groups.
      case "norm":
        for (const leaf of leaves) scale(of(this.#x, leaf), rule.factor(options[local], this.#norms(index, leaf)));
        break;
      case "kernel": {
        const reference = rule.reference(options[local], step.stepOf(local));
        for (const leaf of leaves) reference(of(this.#x, leaf), leaf, index);
        break;
      }
      case "custom":
      case "gate":
      case "freeze":
      case "partition":
        break;
      default:
        rule satisfies never;
    }
  }

  #arrive(group: number, { kind, rule, local }: Barrier, mode: Mode): void {
    if (kind === "accumulate") {
      const slot = this.#program.groups[group]!.slots[local]![0]!;
      const sum = this.#slots[slot]!.get(group)!;
      const x = this.#of(group);
      if (mode === "start") sum.set(x);
      else for (let k = 0; k < sum.length; k++) sum[k]! += Math.fround(x[k]!);
      x.set(sum);
    } else if (kind === "norm" || kind === "skip") {
      for (const leaf of this.#layout(group).leaves) this.#norms(rule, leaf);
    }
  }

  /** Sums up a leaf, and keeps the sums. */
  #norms(rule: number, leaf: LayoutLeaf): { updates: number; params: number } {
    const { rule: entry, options } = this.#program.chain.all[rule]!;
    // A gate that looks for infinities has a norm too.
    const order = entry.kind === "norm" ? entry.order(options) : 2;
    const add = order === 2 ? sumOfSquares : largest;
    const x = of(this.#x, leaf);
    // What a gate looks at is what f32 holds of it.
    const updates = add(entry.kind === "gate" ? Float32Array.from(x) : x);
    const params = entry.kind === "norm" && entry.params ? add(of(this.#planes.get("params")!, leaf)) : 0;
    const sums = this.sums[rule]!;
    sums.updates[leaf.index] = updates;
    sums.params[leaf.index] = params;
    const root = (total: number) => (order === 2 ? Math.sqrt(total) : total);
    return { updates: root(updates), params: root(params) };
  }

  #finish(group: number, mode: Mode): void {
    const updates = this.#planes.get("updates");
    if (mode === "emit") this.#of(group, this.#planes.get("grads")!).set(this.#of(group));
    else this.#add(group, this.#of(group));
    if (mode === "apply" && updates) this.#of(group, updates).set(this.#of(group));
  }

  #add(group: number, x: Float32Array | Float64Array): void {
    const params = this.#of(group, this.#planes.get("params")!);
    for (let k = 0; k < params.length; k++) params[k]! += Math.fround(x[k]!);
  }

  #layout(group: number): LayoutGroup {
    return this.#program.layout.groups[group]!;
  }

  #of<T extends Float32Array | Float64Array = Float64Array>(group: number, plane: T = this.#x as unknown as T): T {
    const { begin, end } = this.#layout(group);
    return plane.subarray(begin, end) as T;
  }
}

/** A leaf of a plane that begins at `begin` of the layout. */
const of = <T extends Float32Array | Float64Array>(plane: T, { offset, length }: LayoutLeaf, begin = 0): T =>
  plane.subarray(offset - begin, offset - begin + length) as T;

function scale(x: Float64Array, factor: number): void {
  for (let k = 0; k < x.length; k++) x[k]! *= factor;
}

function sumOfSquares(x: ArrayLike<number>): number {
  let sum = 0;
  for (let k = 0; k < x.length; k++) sum += x[k]! * x[k]!;
  return sum;
}

function largest(x: Float32Array | Float64Array): number {
  let most = 0;
  for (let k = 0; k < x.length; k++) most = Math.max(most, Math.abs(x[k]!));
  return most;
}
