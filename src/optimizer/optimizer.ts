/// <reference lib="esnext.disposable" preserve="true" />

import type { BackendInfo } from "../backends/backend.ts";
import { joinChunks } from "../checkpoint/safetensors.ts";
import { checkpointOf, type SaveOptions } from "../checkpoint/save.ts";
import { DisposedError, NonFiniteError, StateError } from "../errors.ts";
import { readOptions } from "../options.ts";
import type { Host } from "../program/values.ts";
import { show } from "../show.ts";
import { matchTree } from "../tree/layout.ts";
import { displayPath } from "../tree/path.ts";
import type { Gradients, Views } from "../tree/types.ts";
import type { Update } from "../update.ts";
import type { Told } from "../updates/rule.ts";
import type { CarryReport, Source } from "./carry.ts";
import { copyPlain } from "./custom.ts";
import { sourceOf } from "./from.ts";
import type { Parts } from "./parts.ts";
import { type Stats, statsOf, toldSpec } from "./stats.ts";
import { swapAverage } from "./swap-average.ts";
import { isFrozen, stateTree, writeLeaves } from "./views.ts";

/**
 * State of one rule: by slot, views with the keys of the parameters. `{}` for a rule without state; of a partition by
 * label the states of its rules; of a `stateful` rule what its function returned, to be cast.
 */
export type RuleState<T> = { readonly [slot: string]: Views<T> };

/** What is a tree of planes, for {@link Optimizer.snapshot}. */
export type SnapshotName = "params" | "grads" | "state";

/** Options of `load`. */
export interface LoadOptions {
  /** Whether parameters alone are taken. */
  readonly only?: "params" | undefined;
  /** Whether names that are missing or not expected are refused. */
  readonly strict?: boolean | undefined;
}

/** Why `step()` and its like are refused: something else is under way. */
type Phase = "ready" | "updated" | "running" | "averaged" | "saving";

/**
 * An update that has met a model. It owns an arena, in which parameters, gradients and state stand side by side.
 *
 * `params`, `grads` and `state` are views on it: they are always up to date, and they must never be posted or
 * transferred (structured cloning of a small view copies the whole memory): use {@link snapshot}.
 */
export class Optimizer<T = unknown> {
  /** What runs the steps, and why. */
  readonly backend: BackendInfo;
  /** What became of the leaves and options of what this one was made from; null if it was made from parameters alone. */
  readonly carried: CarryReport | null;
  readonly #host: Host;
  /** Null after `dispose()`, so that only views hold the memory. */
  #parts: Parts | null;
  #phase: Phase = "ready";
  /** Whether `update()` left updates that count as a step. */
  #changed = false;
  #state: readonly RuleState<T>[] | null = null;

  /** @internal */
  constructor(parts: Parts, carried: CarryReport | null) {
    this.#parts = parts;
    this.#host = parts.host;
    this.backend = parts.engine.backend;
    this.carried = carried;
  }

  /** Steps that changed parameters: those that only gathered gradients and those that were skipped do not count. */
  get count(): number {
    return this.#host.count;
  }

  /** The parameters: views with the keys of the tree given to `init`. The caller may write them between steps. */
  get params(): Views<T> {
    return this.#living().views.tree("params") as Views<T>;
  }

  /**
   * The gradients, for the caller to write: `step()` never changes them, `update()` leaves the updates there. Frozen
   * leaves have none.
   */
  get grads(): Views<T> {
    return this.#living().views.tree("grads") as Views<T>;
  }

  /** The state of each rule of the flattened chain. Leaves that a rule does not apply to are left out. */
  get state(): readonly RuleState<T>[] {
    const { program, host, views } = this.#living();
    // A user's own state is replaced with every step, so it is looked up each time.
    if (this.#state && !program.custom) return this.#state;
    this.#state = stateTree(
      program,
      program.chain.rules,
      (slot) => views.tree(slot),
      (rule) => host.custom[rule],
      Object.freeze,
    ) as unknown as readonly RuleState<T>[];
    return this.#state;
  }

  /**
   * One step: transforms the gradients and adds the result to the parameters, in place. `grads` is not changed by it.
   *
   * @param grads a whole tree of gradients, copied in first; without it, what stands in `grads`. Frozen leaves may be
   *   absent or null
   * @param told `value`: the loss, for `reduceOnPlateau`; with gradients in the views, `step(optimizer.grads, { value })`
   * @returns whether parameters changed: false while `accumulate` gathers, and where `skipNonFinite` skipped the step
   * @throws TreeMismatchError or TypeError for gradients of another form, RangeError for a schedule or control that
   *   gives no number in its range, StateError between `update()` and `apply()`, DisposedError after `dispose()`:
   *   nothing has changed then. What a rule of the user's own throws: parameters and state are as before.
   *   NonFiniteError where more steps in a row were skipped than `skipNonFinite` allows
   */
  step(...given: readonly [grads?: Gradients<T>, told?: Told]): boolean {
    const changed = this.#run("step", given, "apply");
    const { failure } = this.#living();
    if (changed) this.#host.count += 1;
    if (failure) throw new NonFiniteError(failure);
    return changed;
  }

  /**
   * The first half of a step: overwrites `grads` with the updates. State is advanced, parameters are not.
   *
   * @returns the views of `grads`, which now hold the updates, and zeros for frozen leaves
   * @throws as {@link step}
   */
  update(...given: readonly [grads?: Gradients<T>, told?: Told]): Views<T> {
    this.#changed = this.#run("update", given, "emit");
    const { failure } = this.#living();
    // Where one group alone was skipped, the updates of the others wait for apply().
    if (this.#changed || !failure) this.#phase = "updated";
    if (failure) throw new NonFiniteError(failure);
    return this.#living().views.treeOr("grads", (length) => new Float32Array(length)) as Views<T>;
  }

  /**
   * The second half: adds what stands in `grads` to the parameters.
   *
   * @throws StateError without an `update()` before it
   */
  apply(): void {
    const { active, engine } = this.#living();
    if (this.#phase !== "updated") throw new StateError("apply() needs an update() before it; step() does both");
    active.forEach((isActive, group) => {
      if (isActive) engine.apply(group);
    });
    this.#phase = "ready";
    if (this.#changed) this.#host.count += 1;
  }

  /** Sets all gradients to zero. @throws StateError between `update()` and `apply()`, when they hold the updates */
  zeroGrads(): void {
    const { engine } = this.#ready("zeroGrads");
    for (const span of engine.spans("grads")) span.fill(0);
  }

  /**
   * What the last step was like.
   *
   * @returns count, rates, norms and what was clipped or skipped: see {@link Stats}. Norms of parameters are computed
   *   now, and so is that of the gradients, from what stands in `grads`, unless a rule has measured it in the step
   */
  stats(): Stats {
    const parts = this.#living();
    return statsOf(parts, this.#phase === "updated");
  }

  /**
   * Exchanges the parameters with their average, as `averageParams` keeps it; called again it exchanges them back, bit
   * for bit. In between there are no steps: `step()` throws a StateError.
   *
   * @throws StateError if no rule averages, or between `update()` and `apply()`
   */
  swapAverage(): void {
    if (this.#phase !== "averaged") this.#ready("swapAverage");
    const { program, views } = this.#living();
    swapAverage(program, views);
    this.#phase = this.#phase === "averaged" ? "ready" : "averaged";
  }

  /**
   * A checkpoint: parameters, state, counts and options in a file of the safetensors format, from which
   * {@link Update.restore} goes on bit for bit. Python's safetensors reads it too.
   *
   * @param options `metadata`: strings of your own to keep with it, such as where the data stood
   * @returns the bytes of the file; `saveChunks()` does without this copy
   * @throws StateError between `update()` and `apply()`; TypeError for a `stateful` rule whose state no file can hold
   */
  save(options: SaveOptions = {}): Uint8Array<ArrayBuffer> {
    return joinChunks(checkpointOf(this.#ready("save"), "save", options));
  }

  /**
   * The same file piece by piece: its header, then views of the memory, without a second copy. Until the last piece is
   * taken, or the loop is left, `step()` throws a StateError, so that no checkpoint is half of one step and half of the next.
   *
   * @throws as {@link save}
   */
  *saveChunks(options: SaveOptions = {}): Generator<Uint8Array<ArrayBuffer>, void, undefined> {
    const { chunks } = checkpointOf(this.#ready("saveChunks"), "saveChunks", options);
    this.#phase = "saving";
    try {
      yield* chunks;
    } finally {
      this.#phase = "ready";
    }
  }

  /**
   * Puts a checkpoint in the place of parameters, state and counts. Views stay what they are.
   *
   * @param bytes a file of `save()`
   * @param options `only`: "params" leaves state and counts as they are; `strict`: whether missing and unexpected names
   *   are refused, true; otherwise what fits is taken, the rest is listed
   * @returns what was taken, what was not there, and what was not wanted, by name
   * @throws CheckpointError for a damaged file and for other names; TreeMismatchError for another shape; StateError
   *   between `update()` and `apply()`: nothing has changed then
   */
  async load(bytes: Uint8Array | ArrayBuffer, options: LoadOptions = {}): Promise<CarryReport> {
    const { load } = await import("../checkpoint/restore.ts");
    return load(this.internals, bytes, options);
  }

  /**
   * Copies a tree out of the arena: plain objects and fresh arrays, safe to post, to transfer and to store.
   *
   * @param name "params", "grads" or "state"
   * @throws TypeError for another name
   */
  snapshot<Name extends SnapshotName>(name: Name): Name extends "state" ? RuleState<T>[] : Views<T> {
    const { program, host, views: all } = this.#living();
    type Result = Name extends "state" ? RuleState<T>[] : Views<T>;
    switch (name) {
      case "params":
      case "grads":
        return all.copy(name) as Result;
      case "state": {
        const pick = (slot: number) => all.copy(slot);
        return stateTree(program, program.chain.rules, pick, (rule) => copyPlain(host.custom[rule])) as Result;
      }
      default:
        name satisfies never;
        throw new TypeError(`snapshot: ${show(name)} is none of "params", "grads", "state"`);
    }
  }

  /** {@link snapshot} as a promise: what an optimizer on a device has, so that code that awaits is right on both. */
  async read<Name extends SnapshotName>(name: Name): Promise<Name extends "state" ? RuleState<T>[] : Views<T>> {
    return this.snapshot(name);
  }

  /**
   * Copies the parameters into a tree of the caller's, of the form that `init` was given: into its typed arrays, and
   * in place of its bare numbers. An integer array takes what it can hold: 0.7 becomes 0.
   *
   * @throws TreeMismatchError or TypeError for a tree of another form; nothing is written then
   */
  writeTo(tree: object): void {
    const { program, views: all } = this.#living();
    const { layout } = program;
    const views = all.leaves("params");
    const found = matchTree(layout, tree, "tree");
    layout.leaves.forEach(({ keys, length }, i) => {
      const { data } = found[i]!;
      const view = views[i]!;
      if (typeof data === "number") {
        const parent = keys.slice(0, -1).reduce<unknown>((node, key) => (node as Record<string, unknown>)[key], tree);
        if (keys.length === 0)
          throw new TypeError(`"${displayPath("tree", keys)}" is a number: it cannot be written to`);
        (parent as Record<string | number, unknown>)[keys.at(-1)!] = view[0]!;
      } else {
        const target = data as { [index: number]: number };
        for (let k = 0; k < length; k++) target[k] = view[k]!;
      }
    });
  }

  /** Lets go of the arena: it is freed with the last view on it. All but `count` and `backend` throws DisposedError then. */
  dispose(): void {
    this.#parts = null;
    this.#state = null;
    this.#host.custom = [];
  }

  /** For `using`. (In an engine without Symbol.dispose this is a method of no consequence.) */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal What it has now, for one that goes on from it. @throws DisposedError or StateError */
  source(): Source {
    return sourceOf(this.#ready("init"));
  }

  /** @internal The way in for the functional form and checkpoints. */
  get internals(): OptimizerInternals {
    const { program, host, views, engine } = this.#living();
    return {
      program,
      host,
      views,
      engine,
      ready: (caller) => this.#ready(caller),
      waits: this.#phase === "updated",
    };
  }

  #run(caller: string, given: readonly unknown[], sink: "apply" | "emit"): boolean {
    const parts = this.#ready(caller);
    const { program, views } = parts;
    this.#phase = "running";
    try {
      // Everything is checked before anything is written; the user's schedules, which may do anything, run first.
      parts.prepare(given[1] === undefined ? untold : readOptions(caller, given[1], toldSpec, "grads, "));
      // A given undefined is a mistake (a function without a return), not the gradients that stand in the views.
      if (given.length > 0 && (!given[0] || !views.isTree("grads", given[0]))) {
        const found = matchTree(program.layout, given[0], "grads", (leaf) => isFrozen(program, leaf));
        // At once: copied piece by piece, with the first pass over each piece, a step takes 1.05 to 1.5 times as long.
        writeLeaves(views.leaves("grads"), found);
      }
      return program.custom ? program.custom.run(parts, sink) : parts.run(sink, nothing);
    } finally {
      this.#phase = "ready";
    }
  }

  #living() {
    if (!this.#parts) throw new DisposedError("this optimizer was disposed of; init() makes another");
    return this.#parts;
  }

  #ready(caller: string) {
    if (this.#parts && this.#phase !== "ready") throw new StateError(`${caller}() ${busy[this.#phase]}`);
    return this.#living();
  }
}

const busy: Record<Exclude<Phase, "ready">, string> = {
  updated: "between update() and apply(): grads holds updates that wait for apply()",
  running: "from inside a rule or schedule of the same optimizer",
  averaged: "while the average stands in the parameters: swapAverage() puts them back",
  saving: "while saveChunks() hands out views of this optimizer: read it to its end first",
};

/** What others of this package may read and write, and what may be done with it. */
export interface OptimizerInternals extends Pick<Parts, "program" | "host" | "views" | "engine"> {
  /** @throws StateError or DisposedError */
  ready(caller: string): void;
  /** Whether updates wait for `apply()`: after an `update()` that threw, those of the groups that were not skipped. */
  readonly waits: boolean;
}

const nothing = (): void => {};
const untold: Told = {};
