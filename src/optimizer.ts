/// <reference lib="esnext.disposable" preserve="true" />

import type { BackendInfo, Engine, PlaneId } from "./backends/backend.js";
import { DisposedError, StateError } from "./errors.js";
import { bySlot, type Program } from "./program/program.js";
import type { StepValues } from "./program/values.js";
import { show } from "./show.js";
import { buildTree, type Layout, matchTree } from "./tree/layout.js";
import type { FoundLeaf } from "./tree/leaf.js";
import { displayPath } from "./tree/path.js";
import type { Gradients, Views } from "./tree/types.js";
import type { CustomRule } from "./updates/rule.js";

/**
 * State of one rule: by slot, views with the keys of the parameters. `{}` for a rule without state; of a `stateful` rule
 * what its function returned, to be cast.
 */
export type RuleState<T> = { readonly [slot: string]: Views<T> };

/** What is a tree of planes, for {@link Optimizer.snapshot}. */
export type SnapshotName = "params" | "grads" | "state";

/**
 * An update that has met a model. It owns an arena, in which parameters, gradients and state stand side by side.
 *
 * `params`, `grads` and `state` are views on it: they are always up to date, and they must never be posted or
 * transferred (structured cloning of a small view copies the whole memory): use {@link snapshot}.
 */
export class Optimizer<T = unknown> {
  /** What runs the steps, and why. */
  readonly backend: BackendInfo;
  readonly #program: Program;
  readonly #layout: Layout;
  readonly #values: StepValues;
  #engine: Engine | null;
  #custom: unknown[];
  #count = 0;
  /** `updated`: `grads` holds updates that wait for `apply()`. `running`: a user's function is at work. */
  #phase: "ready" | "updated" | "running" = "ready";
  readonly #trees = new Map<PlaneId, unknown>();
  #state: readonly RuleState<T>[] | null = null;

  /** @internal */
  constructor(program: Program, layout: Layout, found: readonly FoundLeaf[], values: StepValues, engine: Engine) {
    this.#program = program;
    this.#layout = layout;
    this.#engine = engine;
    this.#values = values;
    this.backend = Object.freeze(engine.backend);
    writeLeaves(engine.plane("params"), layout, found);
    this.#custom = program.rules.map(({ rule }) =>
      rule.kind === "custom" ? copyPlain(rule.init?.(this.params) ?? null) : null,
    );
  }

  /** Steps done: what the next step's schedules see. */
  get count(): number {
    return this.#count;
  }

  /** The parameters: views with the keys of the tree given to `init`. The caller may write them between steps. */
  get params(): Views<T> {
    return this.#tree("params") as Views<T>;
  }

  /** The gradients, for the caller to write: `step()` never changes them, `update()` leaves the updates there. */
  get grads(): Views<T> {
    return this.#tree("grads") as Views<T>;
  }

  /** The state of each rule of the flattened chain. */
  get state(): readonly RuleState<T>[] {
    this.#alive();
    // A user's own state is replaced with every step, so it is looked up each time.
    this.#state ??= this.#program.rules.map(({ rule }, i) => {
      if (rule.kind === "custom") return {};
      return Object.freeze(bySlot(this.#program, i, (slot) => this.#tree(slot) as Views<T>));
    });
    if (!this.#hasCustom()) return this.#state;
    return this.#state.map((state, i) => (this.#custom[i] ?? state) as RuleState<T>);
  }

  /**
   * One step: transforms the gradients and adds the result to the parameters, in place. `grads` is not changed by it.
   *
   * @param grads a whole tree of gradients, copied in first; without it, what stands in `grads`
   * @returns true: the updates were added
   * @throws TreeMismatchError or TypeError for gradients of another form, RangeError for a schedule or control that
   *   gives no number in its range, StateError between `update()` and `apply()`, DisposedError after `dispose()`:
   *   nothing has changed then. What a rule of the user's own throws: parameters and state are as before
   */
  step(...given: readonly [grads?: Gradients<T>]): boolean {
    this.#run("step", given, "apply");
    this.#count += 1;
    return true;
  }

  /**
   * The first half of a step: overwrites `grads` with the updates. State is advanced, parameters are not.
   *
   * @returns the views of `grads`, which now hold the updates
   * @throws as {@link step}
   */
  update(...given: readonly [grads?: Gradients<T>]): Views<T> {
    this.#run("update", given, "emit");
    this.#phase = "updated";
    return this.grads;
  }

  /**
   * The second half: adds what stands in `grads` to the parameters.
   *
   * @throws StateError without an `update()` before it
   */
  apply(): void {
    const engine = this.#alive();
    if (this.#phase !== "updated") throw new StateError("apply() needs an update() before it; step() does both");
    engine.apply();
    this.#phase = "ready";
    this.#count += 1;
  }

  /** Sets all gradients to zero. @throws StateError between `update()` and `apply()`, when they hold the updates */
  zeroGrads(): void {
    this.#ready("zeroGrads").plane("grads").fill(0);
  }

  /**
   * Copies a tree out of the arena: plain objects and fresh arrays, safe to post, to transfer and to store.
   *
   * @param name "params", "grads" or "state"
   * @throws TypeError for another name
   */
  snapshot<Name extends SnapshotName>(name: Name): Name extends "state" ? RuleState<T>[] : Views<T> {
    this.#alive();
    type Result = Name extends "state" ? RuleState<T>[] : Views<T>;
    switch (name) {
      case "params":
      case "grads":
        return this.#copy(name) as Result;
      case "state":
        return this.#program.rules.map(({ rule }, i) => {
          if (rule.kind === "custom") return copyPlain(this.#custom[i] ?? {});
          return bySlot(this.#program, i, (slot) => this.#copy(slot));
        }) as unknown as Result;
      default:
        name satisfies never;
        throw new TypeError(`snapshot: ${show(name)} is none of "params", "grads", "state"`);
    }
  }

  /**
   * Copies the parameters into a tree of the caller's, of the form that `init` was given: into its typed arrays, and
   * in place of its bare numbers. An integer array takes what it can hold: 0.7 becomes 0.
   *
   * @throws TreeMismatchError or TypeError for a tree of another form; nothing is written then
   */
  writeTo(tree: object): void {
    const plane = this.#alive().plane("params");
    const found = matchTree(this.#layout, tree, "tree");
    this.#layout.leaves.forEach(({ keys, offset, length }, i) => {
      const { data } = found[i]!;
      if (typeof data === "number") {
        const parent = keys.slice(0, -1).reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], tree);
        if (keys.length === 0)
          throw new TypeError(`"${displayPath("tree", keys)}" is a number: it cannot be written to`);
        (parent as Record<string | number, unknown>)[keys.at(-1)!] = plane[offset]!;
      } else {
        const target = data as { [index: number]: number };
        for (let k = 0; k < length; k++) target[k] = plane[offset + k]!;
      }
    });
  }

  /** Lets go of the arena: it is freed with the last view on it. All but `count` and `backend` throws DisposedError then. */
  dispose(): void {
    this.#engine = null;
    this.#trees.clear();
    this.#state = null;
    this.#custom = [];
  }

  /** For `using`. (In an engine without Symbol.dispose this is a method of no consequence.) */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal The functional form's way in: the plane of a slot, a user's state, and the count. */
  get internals(): OptimizerInternals {
    const engine = this.#alive();
    return {
      program: this.#program,
      layout: this.#layout,
      plane: (id) => engine.plane(id),
      custom: this.#custom,
      abandon: (count) => {
        this.#count = count;
        this.#phase = "ready";
      },
    };
  }

  #run(caller: string, given: readonly unknown[], sink: "apply" | "emit"): void {
    const engine = this.#ready(caller);
    this.#phase = "running";
    try {
      // Everything is checked before anything is written; the user's schedules, which may do anything, run first.
      this.#values.at(this.#count);
      // A given undefined is a mistake (a function without a return), not the gradients that stand in the views.
      if (given.length > 0 && (!given[0] || given[0] !== this.#trees.get("grads"))) {
        writeLeaves(engine.plane("grads"), this.#layout, matchTree(this.#layout, given[0], "grads"));
      }
      if (this.#hasCustom()) this.#runCustom(engine, sink);
      else engine.run(sink, () => {});
    } finally {
      this.#phase = "ready";
    }
  }

  /** A user's function may throw in the middle of a step: then the state is put back, as if it had not begun. */
  #runCustom(engine: Engine, sink: "apply" | "emit"): void {
    const slots = this.#program.slots.map((_, i) => engine.plane(i));
    const before = slots.map((plane) => plane.slice());
    const states = [...this.#custom];
    try {
      engine.run(sink, (rule) => {
        const { apply } = this.#program.rules[rule]!.rule as CustomRule;
        const [updates, state] = apply(this.#tree("scratch"), states[rule], this.params);
        if (updates !== this.#tree("scratch")) {
          writeLeaves(engine.plane("scratch"), this.#layout, matchTree(this.#layout, updates, "updates"));
        }
        states[rule] = copyPlain(state);
      });
      this.#custom = states;
    } catch (error) {
      for (const [i, plane] of slots.entries()) plane.set(before[i]!);
      throw error;
    }
  }

  #hasCustom(): boolean {
    return this.#program.stages.some(({ kind }) => kind === "custom");
  }

  #alive(): Engine {
    if (!this.#engine) throw new DisposedError("this optimizer was disposed of; init() makes another");
    return this.#engine;
  }

  #ready(caller: string): Engine {
    const engine = this.#alive();
    if (this.#phase === "updated") {
      throw new StateError(`${caller}() between update() and apply(): grads holds updates that wait for apply()`);
    }
    if (this.#phase === "running")
      throw new StateError(`${caller}() from inside a rule or schedule of the same optimizer`);
    return engine;
  }

  #tree(id: PlaneId): unknown {
    const engine = this.#alive();
    let tree = this.#trees.get(id);
    if (!tree) {
      const { buffer, byteOffset } = engine.plane(id);
      tree = buildTree(
        this.#layout.skeleton,
        (i) => {
          const { offset, length } = this.#layout.leaves[i]!;
          return new Float32Array(buffer, byteOffset + offset * 4, length);
        },
        Object.freeze,
      );
      this.#trees.set(id, tree);
    }
    return tree;
  }

  #copy(id: PlaneId): unknown {
    const plane = this.#alive().plane(id);
    return buildTree(this.#layout.skeleton, (i) => {
      const { offset, length } = this.#layout.leaves[i]!;
      return plane.slice(offset, offset + length);
    });
  }
}

/** @internal */
export interface OptimizerInternals {
  readonly program: Program;
  readonly layout: Layout;
  plane(id: PlaneId): Float32Array<ArrayBuffer>;
  readonly custom: unknown[];
  /** Leaves the step where it stands: nothing waits for `apply()`, and the count is this one. */
  abandon(count: number): void;
}

/** Copies leaves into a plane, in the layout's order; what lies between them is left alone. */
export function writeLeaves(plane: Float32Array, layout: Layout, found: readonly FoundLeaf[]): void {
  // Leaves may be views of this very memory, in other places: those are copied before any of it is written.
  const own = found.map(({ data }) =>
    (data as Float32Array | null)?.buffer === plane.buffer ? (data as Float32Array).slice() : data,
  );
  layout.leaves.forEach(({ offset, length }, i) => {
    const data = own[i]!;
    if (typeof data === "number") plane[offset] = data;
    else if (data !== null && length > 0) plane.set(data, offset);
  });
}

/** A user's own state: plain objects, arrays and typed arrays are copied, everything else is kept as it is. */
function copyPlain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyPlain);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView)) return (value as Float32Array).slice();
  if (typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, copyPlain(child)]));
  }
  return value;
}
