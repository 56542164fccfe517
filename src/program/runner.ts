// One step: the actions of a program in order, on any backend.

import type { Engine, Mode, Steps } from "../backends/backend.ts";
import { once } from "../once.ts";
import { displayPath } from "../tree/path.ts";
import type { Numbers, Told } from "../updates/rule.ts";
import type { Barrier } from "./compile.ts";
import type { Meeting, Part, Program } from "./program.ts";
import { advanced, type Host, type StepValues } from "./values.ts";

/** After every so many steps the smallest numbers of decaying state are set to zero, on every backend alike. */
const FLUSH_INTERVAL = 64;

const allActive = once(({ groups }: Program) => groups.map(() => true));
/** What many optimizers share, of what theirs have nothing of. */
const none: never[] = [];

/** Runs steps of one optimizer. */
export class Runner {
  readonly program: Program;
  /** A device has no more than what a step asks of every backend. */
  readonly engine: Steps & Partial<Engine>;
  readonly values: readonly StepValues[];
  readonly host: Host;
  /** By group: whether it runs to the end of this step. */
  readonly active: boolean[];
  /** By rule, where any measures: its last norm, and the factor that came of it; NaN where there is none. */
  readonly norms: number[];
  readonly factors: number[];
  /** Too many steps in a row had NaN or infinities, this one too: what to say. */
  failure: string | null = null;
  /** What rules remember when this step is done. */
  #pending: (Numbers | null)[];
  /** Gates that let this step through. */
  readonly #passed: number[];

  constructor(program: Program, engine: Steps & Partial<Engine>, values: readonly StepValues[], host: Host) {
    this.program = program;
    this.engine = engine;
    this.values = values;
    this.host = host;
    this.#pending = host.memories;
    const { isGated, measures, chain } = program;
    this.#passed = isGated ? [] : none;
    this.active = isGated ? [...allActive(program)] : allActive(program);
    this.norms = measures ? chain.all.map(() => Number.NaN) : none;
    this.factors = measures ? [...this.norms] : none;
  }

  /** What may throw for what the user gave: options at this step. Nothing has changed then. */
  prepare(told: Told): void {
    const { remembers, isGated } = this.program;
    if (remembers || isGated) this.#pending = [...advanced(this.program, this.host, told)];
    for (const values of this.values) values.at(this.#pending);
  }

  /**
   * Runs what {@link prepare} has prepared. `custom(rule)` is called where a user's function stands, x in the scratch.
   *
   * @returns whether updates are there: not while gradients are gathered, and not where a step was skipped
   */
  run(sink: "apply" | "emit", custom: (rule: number) => void): boolean {
    const { active } = this;
    for (let group = 0; group < active.length; group++) active[group] = true;
    this.failure = null;
    if (this.#passed.length > 0) this.#passed.length = 0;
    this.engine.begin(sink);
    for (const action of this.program.actions) {
      if (action.kind === "stage") {
        if (!active[action.group]) continue;
        const { barrier } = this.program.groups[action.group]!.stages[action.stage]!;
        this.engine.stage(action.group, action.stage, this.#mode(barrier, sink));
      } else this.#meet(action, custom);
    }
    const flushes = (this.host.count + 1) % FLUSH_INTERVAL === 0;
    let changed = active.length === 0;
    for (let group = 0; group < active.length; group++) {
      changed ||= active[group]!;
      if (!active[group] && sink === "emit") this.engine.zeroGrads(group);
      if (active[group] && flushes) this.engine.flush(group);
    }
    this.#commit();
    return changed;
  }

  #mode(barrier: Barrier | null, sink: "apply" | "emit"): Mode {
    if (barrier?.kind !== "accumulate") return sink;
    return this.#pending[barrier.rule]!.parts === 0 ? "start" : "add";
  }

  #meet(meeting: Meeting, custom: (rule: number) => void): void {
    const { kind, rule, parts } = meeting;
    const { active } = this;
    const there = this.program.isGated ? parts.filter(({ group }) => active[group]) : parts;
    if (kind === "custom") {
      for (const { group } of parts) this.engine.expose!(group, active[group]!);
      if (there.length > 0) custom(rule);
      for (const { group } of there) this.engine.takeBack!(group);
      return;
    }
    if (there.length === 0) return;
    if (kind === "norm") {
      if (this.engine.settle) this.engine.settle(meeting, there);
      else this.#settle(meeting, there);
    } else if (kind === "accumulate" ? this.#gather(rule, there) : this.#check(meeting, there)) this.#passed.push(rule);
    else for (const { group } of there) active[group] = false;
  }

  /** From the sums of leaves to a factor, the leaves in order of their paths. */
  #settle(meeting: Meeting, parts: readonly Part[]): void {
    const { rule } = meeting;
    const { rule: entry, options } = this.program.chain.all[rule]!;
    if (entry.kind !== "norm") return;
    const order = entry.order(options);
    const norms = { updates: this.#norm(meeting, "updates", order), params: 0 };
    if (entry.params) norms.params = this.#norm(meeting, "params", order);
    const [{ group, barrier }] = parts as [Part];
    const factor = entry.factor(this.values[group]!.options[barrier.local], norms);
    this.norms[rule] = order === 2 ? norms.updates : Number.NaN;
    this.factors[rule] = factor;
    for (const { group, barrier } of parts) {
      if (barrier.kind === "norm") this.values[group]!.values[barrier.factor] = factor;
    }
  }

  #norm({ parts, partOf }: Meeting, of: "updates" | "params", order: number): number {
    const { groups, leaves } = this.program.layout;
    let total = 0;
    // One group's leaves are in order of their paths; those of several lie between one another.
    for (const { group, index } of parts.length === 1 ? groups[parts[0]!.group]!.leaves : leaves) {
      const part = partOf[group];
      if (!part || !this.active[group]) continue;
      const { barrier } = part;
      const sum = this.engine.sums![barrier.kind === "norm" ? barrier.owner : barrier.rule]![of][index]!;
      total = order === 2 ? total + sum : Math.max(total, sum);
    }
    return order === 2 ? Math.sqrt(total) : total;
  }

  /** Whether all parts are there. */
  #gather(rule: number, parts: readonly Part[]): boolean {
    const [{ group, barrier }] = parts as [Part];
    const count = this.#pending[rule]!.parts! + 1;
    const isLast = count >= this.values[group]!.options[barrier.local].every;
    this.#pending[rule] = { parts: isLast ? 0 : count };
    for (const { group, barrier } of parts) {
      if (barrier.kind === "accumulate" && barrier.factor !== null) {
        this.values[group]!.values[barrier.factor] = 1 / count;
      }
    }
    return isLast;
  }

  /** Whether there is no NaN and no infinity. The squares of large numbers overflow, so a sum alone does not tell. */
  #check(meeting: Meeting, parts: readonly Part[]): boolean {
    const { rule } = meeting;
    const { consecutive, skipped } = this.#pending[rule]! as { consecutive: number; skipped: number };
    const norm = this.#norm(meeting, "updates", 2);
    this.norms[rule] = norm;
    let bad = -1;
    if (!Number.isFinite(norm)) {
      for (const { group, barrier } of parts) {
        const leaf = barrier.kind === "skip" ? this.engine.nonFinite!(group, barrier.source) : -1;
        if (leaf >= 0 && (bad < 0 || leaf < bad)) bad = leaf;
      }
    }
    this.#pending[rule] =
      bad < 0 ? { consecutive: 0, skipped } : { consecutive: consecutive + 1, skipped: skipped + 1 };
    if (bad < 0) return true;
    const [{ group, barrier }] = parts as [Part];
    const { maxConsecutive } = this.values[group]!.options[barrier.local];
    if (consecutive + 1 > maxConsecutive) {
      const leaf = displayPath("grads", this.program.layout.leaves[bad]!.keys);
      this.failure = `skipNonFinite skipped ${consecutive + 1} steps in a row, more than ${maxConsecutive}: "${leaf}" has NaN or infinities`;
    }
    return false;
  }

  #commit(): void {
    const { counts, memories } = this.host;
    const { chain, scopesOf, remembers, isGated } = this.program;
    counts[0]! += 1;
    if (!remembers && !isGated) return;
    const ran = (scope: number) => scope === 0 || this.#passed.includes(scope - 1);
    for (const { rule, index } of chain.all) {
      if (rule.kind === "gate" || scopesOf[index]!.some(ran)) memories[index] = this.#pending[index]!;
    }
    for (const rule of this.#passed) counts[1 + rule]! += 1;
  }
}
