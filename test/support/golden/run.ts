// A golden case on its way, and a schedule that is fed: in any engine, by errors alone.

import { NonFiniteError, type Optimizer } from "../../../src/index.ts";
import { expectClose, largestOf } from "../close.ts";
import { expectLeaves, expectSame, Largest } from "./compare.ts";
import { type Fed, type Plan, Waiting } from "./dialect.ts";
import { type GoldenCase, type GoldenSchedule, type GoldenStep, leavesOf, someElement, toTree } from "./format.ts";
import type { GoldenFile } from "./index.ts";
import { allCalls, has, makeSchedule, makeUpdate, planCase, planScheduleOf } from "./plan.ts";

/** So that nothing falls out of the own files in silence; `shipped`: chains that `lanestep/warmed.wasm` has all loops of. */
export const COUNTS: Record<
  string,
  Record<"cases" | "waiting" | "schedules" | "waitingSchedules" | "shipped", number>
> = {
  "axon-0.3.1.json": { cases: 109, waiting: 0, schedules: 9, waitingSchedules: 0, shipped: 69 },
  "optax-0.2.8.json": { cases: 398, waiting: 221, schedules: 16, waitingSchedules: 0, shipped: 123 },
  "pytorch-2.13.0.json": { cases: 61, waiting: 23, schedules: 12, waitingSchedules: 0, shipped: 26 },
};

/** Scalars are computed in float32 there and in double precision here. */
const TOLERANCE = 2e-5;

/** A learning rate that a scheduler is fed for is seen in an update, which is a float32. */
const FED_TOLERANCE = 1e-7;

export type Backend = "wasm" | "reference";

/** The bound at a step, and in words. */
function boundOf({ dialect }: GoldenFile, plan: Plan) {
  const words = (tolerance: number) => `within ${tolerance.toExponential()} of the leaf's largest magnitude`;
  const exception = allCalls(plan)
    .map(dialect.exception)
    .find((found) => found !== null);
  if (!exception) return { at: () => TOLERANCE, words: words(TOLERANCE) };
  const { from, tolerance } = exception;
  const later = `${tolerance.toExponential()} from step ${from} on`;
  return {
    at: (step: number) => (step < from ? TOLERANCE : tolerance),
    words: from === 0 ? words(tolerance) : `${words(TOLERANCE)}, ${later}`,
  };
}

/** Names repeat in a file; the options then tell the cases apart. */
function titleOf(golden: GoldenCase, cases: readonly GoldenCase[]): string {
  const { name, chain, optimizer, torch, wrapper } = golden;
  if (cases.filter((other) => other.name === name).length === 1) return name;
  const parts = chain?.map((part) => ("op" in part ? part.opts : part)) ?? [
    optimizer?.opts ?? (torch?.clip ? { ...torch.opts, clip: torch.clip } : torch?.opts) ?? wrapper,
  ];
  return `${name} ${parts.map((part) => JSON.stringify(part)).join(" ")}`;
}

/** Where Optax gives up skipping and lets a step through, this library gives up with an error. */
const letsThrough = (plan: Plan, { updates, params }: GoldenStep): boolean =>
  has(plan, ["skipNonFinite"]) && someElement(updates ?? params, (x) => !Number.isFinite(x));

/** Two optimizers on the way of a case: one by `update()` and `apply()`, one by `step()`. */
class Run {
  readonly #plan: Plan;
  readonly #inTwo: Optimizer;
  readonly #inOne: Optimizer;
  /** The clipping by a norm alone. */
  readonly #clip: Optimizer;
  readonly #largest: Largest;
  #count = 0;

  constructor(plan: Plan, { params }: GoldenCase, backend: Backend) {
    const make = (calls: Plan) => makeUpdate(calls).initSync(toTree(params), { backend }) as Optimizer;
    this.#plan = plan;
    this.#inTwo = make(plan);
    this.#inOne = make(plan);
    this.#clip = make(plan.filter(({ name }) => name === "clipByGlobalNorm"));
    this.#largest = new Largest().add(params);
    expectSame("the path", this.#inTwo.backend.path, backend === "wasm" ? "linked" : "reference");
  }

  #given({ grads, value }: GoldenStep) {
    return [toTree(grads), ...(value === undefined ? [] : [{ value: Number(value) }])] as const;
  }

  /** Each step goes on from the library's own state and parameters, as a run does. */
  step(step: GoldenStep, tolerance: number, where: string): void {
    const { updates, params, slow, norm } = step;
    const given = this.#given(step);
    const largest = this.#largest.add(...(updates ? [updates] : []), params).byPath;
    const found = this.#inTwo.update(...given);
    if (updates) expectLeaves(leavesOf(found), updates, tolerance, `${where}: update()`);
    this.#inTwo.apply();
    const changed = this.#inOne.step(...given);
    // Updates are all zeros while gradients gather and where a step is skipped, as gradients are not all zeros.
    const isGated = has(this.#plan, ["accumulate", "skipNonFinite"]);
    expectSame(`${where}: what step() returns`, changed, !isGated || someElement(updates!, (x) => x !== 0));
    if (changed) this.#count += 1;
    const both = { "apply()": this.#inTwo, "step()": this.#inOne };
    for (const [name, optimizer] of Object.entries(both)) {
      expectSame(`${where}: count after ${name}`, optimizer.count, this.#count);
      expectLeaves(leavesOf(optimizer.params), params, tolerance, `${where}: params after ${name}`, largest);
      if (slow) expectLeaves(slowOf(optimizer), slow, tolerance, `${where}: slow after ${name}`, largest);
    }
    if (norm !== undefined) this.#norm(step, Number(norm), where);
  }

  /** What clipping returns in PyTorch: stats() has it as a root of squares; the largest magnitude shows in what is left. */
  #norm(step: GoldenStep, norm: number, where: string): void {
    const { maxNorm, order } = this.#plan[0]!.options as { readonly maxNorm: number; readonly order: number };
    const { gradNorm, clipped } = this.#inOne.stats();
    expectSame(`${where}: clipped`, clipped, norm > maxNorm);
    if (order === 2) {
      expectClose([gradNorm], [norm], TOLERANCE, `${where}: gradNorm`);
    } else {
      const left = [...leavesOf(this.#clip.update(...this.#given(step))).values()].map(largestOf);
      this.#clip.apply();
      expectClose([Math.max(...left)], [Math.min(norm, maxNorm)], TOLERANCE, `${where}: the largest magnitude left`);
    }
  }

  refuse(step: GoldenStep): void {
    const given = this.#given(step);
    for (const run of [() => this.#inTwo.update(...given), () => this.#inOne.step(...given)]) {
      let thrown: unknown = "nothing";
      try {
        run();
      } catch (error) {
        thrown = error;
      }
      if (!(thrown instanceof NonFiniteError)) throw new Error(`threw ${thrown}, expected a NonFiniteError`);
    }
  }

  dispose(): void {
    for (const optimizer of [this.#inTwo, this.#inOne, this.#clip]) optimizer.dispose();
  }
}

/** The slow parameters; a frozen leaf has none, as it does not move. */
function slowOf({ params, state }: Optimizer) {
  const { slow } = state.find((rule) => Object.hasOwn(rule, "slow"))!;
  return new Map([...leavesOf(params), ...leavesOf(slow)]);
}

/** The rate is what a gradient of 1 comes out as. What is told in a step shows in that step, there in the next. */
function expectFed({ values }: GoldenSchedule, { plan, learningRate, told }: Fed, backend: Backend) {
  const make = () => makeUpdate(plan).initSync({ w: Float32Array.of(0) }, { backend });
  const [inTwo, inOne] = [make(), make()];
  const grads = { w: Float32Array.of(1) };
  expectClose([learningRate], values.slice(0, 1), FED_TOLERANCE, "the first value");
  for (const [i, value] of told.slice(0, values.length - 1).entries()) {
    const updates = inTwo.update(grads, { value });
    expectClose([-updates.w[0]!], [values[i + 1]!], FED_TOLERANCE, `value ${i + 1}, by update()`);
    inTwo.apply();
    inOne.params.w[0] = 0;
    inOne.step(grads, { value });
    expectClose([-inOne.params.w[0]!], [values[i + 1]!], FED_TOLERANCE, `value ${i + 1}, by step()`);
  }
}

function split<Entry, Plan>(entries: readonly Entry[], planOf: (entry: Entry) => Plan | Waiting) {
  const held: { entry: Entry; plan: Plan }[] = [];
  const waiting: { entry: Entry; because: string }[] = [];
  for (const entry of entries) {
    const plan = planOf(entry);
    if (plan instanceof Waiting) waiting.push({ entry, because: plan.because });
    else held.push({ entry, plan });
  }
  return { held, waiting };
}

/** A case that runs here, and what it is held to. */
export interface HeldCase {
  readonly entry: GoldenCase;
  readonly plan: Plan;
  readonly name: string;
  /** The bound in words, and at a step. */
  readonly bound: string;
  readonly toleranceAt: (step: number) => number;
  /** Those that this library goes along with. */
  readonly steps: readonly GoldenStep[];
  run(backend: Backend): void;
}

export interface HeldSchedule {
  readonly name: string;
  readonly bound: string;
  /** Whether it is fed, and so runs as an optimizer does. */
  readonly isFed: boolean;
  run(backend: Backend): void;
}

/** What of a file runs here, and what waits for what. */
export function holdFile(golden: GoldenFile) {
  const { dialect } = golden;
  const cases = split(golden.cases, (entry) => planCase(dialect, entry));
  const schedules = split(golden.schedules, (entry) => planScheduleOf(dialect, entry));
  return {
    cases: cases.held.map(({ entry, plan }): HeldCase => {
      const bound = boundOf(golden, plan);
      const last = entry.steps.findIndex((step) => letsThrough(plan, step));
      const refused = last < 0 ? "" : `, up to step ${last}, where skipNonFinite throws`;
      const steps = last < 0 ? entry.steps : entry.steps.slice(0, last);
      const run = (backend: Backend) => {
        const run = new Run(plan, entry, backend);
        for (const [i, step] of steps.entries()) run.step(step, bound.at(i), `at step ${i}`);
        if (last >= 0) run.refuse(entry.steps[last]!);
        run.dispose();
      };
      const name = titleOf(entry, golden.cases);
      return { entry, plan, name, bound: `${bound.words}${refused}`, toleranceAt: bound.at, steps, run };
    }),
    schedules: schedules.held.map(({ entry, plan }, i): HeldSchedule => {
      const name = `schedule ${i}, ${entry.schedule} ${JSON.stringify(entry.opts)}`;
      if ("told" in plan) {
        const bound = `within ${FED_TOLERANCE.toExponential()} of each value`;
        return { name, bound, isFed: true, run: (backend) => expectFed(entry, plan, backend) };
      }
      const bound = `within ${dialect.scheduleTolerance.toExponential()} of the largest value`;
      const run = () => {
        const schedule = makeSchedule(plan);
        const values = entry.values.map((_, step) => schedule(step));
        expectClose(values, entry.values, dialect.scheduleTolerance, "value");
      };
      return { name, bound, isFed: false, run };
    }),
    waiting: {
      cases: cases.waiting.map(({ entry, because }) => ({ name: entry.name, because })),
      schedules: schedules.waiting.map(({ entry, because }) => ({ name: entry.schedule, because })),
    },
  };
}
