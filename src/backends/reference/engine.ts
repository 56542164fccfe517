// Every rule by its formula, unfolded, in double precision, in plain JavaScript: the oracle of the tests, and what runs
// where an engine has no WebAssembly SIMD. State and parameters are f32, as everywhere; within a step x is not rounded.

import { bySlot, type Program } from "../../program/program.js";
import type { StepValues } from "../../program/values.js";
import type { Layout, LayoutLeaf } from "../../tree/layout.js";
import type { BoundRule } from "../../updates/rule.js";
import { type BackendInfo, type Engine, FLUSH_BELOW, FLUSH_INTERVAL, type PlaneId } from "../backend.js";

export class ReferenceEngine implements Engine {
  readonly backend: BackendInfo;
  readonly #program: Program;
  readonly #layout: Layout;
  readonly #step: StepValues;
  readonly #planes = new Map<PlaneId, Float32Array<ArrayBuffer>>();
  readonly #x: Float64Array;

  constructor(program: Program, layout: Layout, step: StepValues, reason: string) {
    this.backend = { name: "reference", path: "reference", reason };
    this.#program = program;
    this.#layout = layout;
    this.#step = step;
    this.#x = new Float64Array(layout.size);
    const hasCustom = program.stages.some((stage) => stage.kind === "custom");
    const named: PlaneId[] = hasCustom ? ["params", "grads", "scratch"] : ["params", "grads"];
    for (const id of [...named, ...program.slots.keys()]) this.#planes.set(id, new Float32Array(layout.size));
    program.slots.forEach(({ initial }, i) => {
      this.plane(i).fill(initial);
    });
  }

  plane(id: PlaneId): Float32Array<ArrayBuffer> {
    return this.#planes.get(id)!;
  }

  run(sink: "apply" | "emit", custom: (rule: number) => void): void {
    this.#x.set(this.plane("grads"));
    this.#program.rules.forEach((bound, i) => {
      this.#rule(bound, i, custom);
    });
    if (sink === "emit") this.plane("grads").set(this.#x);
    else this.#add(this.#x);
    if ((this.#step.step + 1) % FLUSH_INTERVAL === 0) this.#flush();
  }

  apply(): void {
    this.#add(this.plane("grads"));
  }

  #rule({ rule }: BoundRule, index: number, custom: (rule: number) => void): void {
    const { step } = this.#step;
    const options = this.#step.options[index];
    switch (rule.kind) {
      case "linear": {
        const scalar = rule.scalar(options, step);
        const [x, p] = [this.#x, this.plane("params")];
        if (rule.linear === "factor") for (let k = 0; k < x.length; k++) x[k]! *= scalar;
        else for (let k = 0; k < x.length; k++) x[k]! += scalar * p[k]!;
        break;
      }
      case "elementwise": {
        const reference = rule.reference(options, step);
        for (const leaf of this.#layout.leaves) {
          const state = bySlot(this.#program, index, (slot) => this.#of(this.plane(slot), leaf));
          reference(this.#of(this.#x, leaf), this.#of(this.plane("params"), leaf), state);
        }
        break;
      }
      case "norm": {
        const squares = this.#layout.leaves.map((leaf) => ({
          updates: sumOfSquares(this.#of(this.#x, leaf)),
          params: rule.params ? sumOfSquares(this.#of(this.plane("params"), leaf)) : 0,
        }));
        const factor = (parts: typeof squares) =>
          rule.factor(options, {
            updates: Math.sqrt(parts.reduce((sum, { updates }) => sum + updates, 0)),
            params: Math.sqrt(parts.reduce((sum, { params }) => sum + params, 0)),
          });
        const whole = factor(squares);
        this.#layout.leaves.forEach((leaf, i) => {
          const f = rule.scope === "tree" ? whole : factor([squares[i]!]);
          const x = this.#of(this.#x, leaf);
          for (let k = 0; k < x.length; k++) x[k]! *= f;
        });
        break;
      }
      case "kernel": {
        const reference = rule.reference(options, step);
        for (const leaf of this.#layout.leaves) {
          reference(this.#of(this.#x, leaf), { shape: leaf.shape, hash: leaf.hash, rule: index });
        }
        break;
      }
      case "custom":
        this.plane("scratch").set(this.#x);
        custom(index);
        this.#x.set(this.plane("scratch"));
        break;
      default:
        rule satisfies never;
    }
  }

  #of<T extends Float32Array | Float64Array>(plane: T, { offset, length }: LayoutLeaf): T {
    return plane.subarray(offset, offset + length) as T;
  }

  #add(x: Float32Array | Float64Array): void {
    const params = this.plane("params");
    for (let k = 0; k < params.length; k++) params[k]! += Math.fround(x[k]!);
  }

  #flush(): void {
    this.#program.slots.forEach(({ decays }, i) => {
      const plane = this.plane(i);
      if (decays) for (let k = 0; k < plane.length; k++) if (Math.abs(plane[k]!) < FLUSH_BELOW) plane[k] = 0;
    });
  }
}

const sumOfSquares = (x: Float32Array | Float64Array): number => {
  let sum = 0;
  for (let k = 0; k < x.length; k++) sum += x[k]! * x[k]!;
  return sum;
};
