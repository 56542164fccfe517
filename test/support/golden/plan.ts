// What a case runs, as calls of this library; and the calls made.

import * as lanestep from "../../../src/index.ts";
import {
  type Call,
  call,
  camelCase,
  type Dialect,
  exported,
  type Fed,
  type Plan,
  planSchedule,
  Scheduled,
  translate,
  Waiting,
} from "./dialect.ts";
import {
  type GoldenCase,
  type GoldenRule,
  type GoldenSchedule,
  type GoldenStep,
  type GoldenWrapper,
  type Recipe,
  someElement,
} from "./format.ts";

/** One plan of several, or why the first of them waits. */
function joined(plans: readonly (Plan | Call | Waiting)[]): Plan | Waiting {
  return plans.find((plan) => plan instanceof Waiting) ?? (plans as readonly (Plan | Call)[]).flat();
}

/** Why something beside what is known makes a case wait. */
function unknownKey(what: string, given: object, known: readonly string[]): Waiting | null {
  const other = Object.keys(given).find((key) => !known.includes(key));
  return other === undefined ? null : new Waiting(`${what} takes no ${other}`);
}

function planRule(dialect: Dialect, { op, opts = {}, mask, ...others }: GoldenRule): Plan | Waiting {
  const camel = camelCase(op);
  const name = dialect.rules[camel] ?? camel;
  const unknown = unknownKey(name, others, []);
  if (unknown) return unknown;
  if (name === "scaleByState") return masked(mask, [call(name, opts)]);
  if (name !== "scaleBySchedule") return masked(mask, joined([translate(dialect, name, opts)]));
  const schedule = planSchedule(dialect, String(opts.schedule), (opts.opts ?? {}) as GoldenSchedule["opts"]);
  if (schedule instanceof Waiting) return schedule;
  return masked(mask, [call(name, { schedule: new Scheduled(schedule) })]);
}

function masked(mask: unknown, inner: Plan | Waiting): Plan | Waiting {
  if (mask === undefined || inner instanceof Waiting) return inner;
  return [{ ...call("masked"), inner, labels: mask }];
}

/** Labels are any scalars in Optax. */
function named(labels: unknown): unknown {
  if (typeof labels !== "object" || labels === null) return String(labels);
  if (Array.isArray(labels)) return labels.map(named);
  return Object.fromEntries(Object.entries(labels).map(([key, below]) => [key, named(below)]));
}

function planPartition(dialect: Dialect, { opts = {}, transforms = {} }: GoldenWrapper): Plan | Waiting {
  const unknown = unknownKey("partition", opts, ["labels"]);
  if (unknown) return unknown;
  const groups: Record<string, Plan> = {};
  for (const [label, recipe] of Object.entries(transforms)) {
    const plan = planRecipe(dialect, recipe);
    if (plan instanceof Waiting) return plan;
    groups[label] = plan;
  }
  return [{ ...call("partition"), groups, labels: named(opts.labels) }];
}

function planWrapper(dialect: Dialect, wrapper: GoldenWrapper): Plan | Waiting {
  const name = camelCase(wrapper.name);
  const { opts = {}, inner: recipe } = wrapper;
  const unknown = unknownKey(name, wrapper, ["name", "opts", name === "partition" ? "transforms" : "inner"]);
  if (unknown) return unknown;
  if (name === "partition") return planPartition(dialect, wrapper);
  const known = Object.hasOwn(dialect.wrappers, name) ? dialect.wrappers[name]! : null;
  if (name !== "chain" && name !== "masked" && !known) return new Waiting(`there is no wrapper ${name}`);
  const inner = planRecipe(dialect, recipe ?? {});
  if (inner instanceof Waiting) return inner;
  if (!known) return unknownKey(name, opts, name === "masked" ? ["mask"] : []) ?? masked(opts.mask, inner);
  const own = translate(dialect, known.name, opts, known.where === "around");
  if (own instanceof Waiting) return own;
  return known.where === "around" ? [{ ...own, inner }] : [...inner, own];
}

function planRecipe(dialect: Dialect, recipe: Recipe): Plan | Waiting {
  const { chain, optimizer, wrapper, freeze, torch, mask } = recipe;
  const unknown = unknownKey("a recipe", recipe, ["chain", "optimizer", "wrapper", "freeze", "torch", "mask"]);
  if (unknown) return unknown;
  if (chain) {
    const parts = chain.map((part) => ("op" in part ? planRule(dialect, part) : planRecipe(dialect, part)));
    return masked(mask, joined(parts));
  }
  if (optimizer) {
    const { name, learning_rate, opts, ...others } = optimizer;
    const beside = unknownKey(name, others, []);
    return beside ?? masked(mask, joined([translate(dialect, camelCase(name), { learning_rate, ...opts })]));
  }
  if (wrapper) return masked(mask, planWrapper(dialect, wrapper));
  if (freeze === true) return masked(mask, [call("freeze")]);
  if (torch) return masked(mask, dialect.torch(torch));
  return new Waiting("it says nothing that is known here");
}

/** All calls of a plan, those inside others too. */
export const allCalls = (plan: Plan): readonly Call[] =>
  plan.flatMap((one) => [one, ...allCalls(one.inner ?? []), ...Object.values(one.groups ?? {}).flatMap(allCalls)]);

const gates = ["accumulate", "skipNonFinite"];
/** They make zeros of zeros, and remember nothing. */
const keepZeros = ["scale", "scaleByLearningRate", "clip", "clipByGlobalNorm", "zeroNans"];
/** They read the gradients of the whole tree. */
const measures = ["clipByGlobalNorm", "skipNonFinite"];

export const has = (plan: Plan, names: readonly string[]) => allCalls(plan).some(({ name }) => names.includes(name));

/**
 * Where this library means something else by the same words. Rules behind a gate wait with it, while Optax gives them
 * zeros; and what is frozen takes no gradients, so that no norm includes them.
 */
function departure(plan: Plan, isMeasured = false): string | null {
  for (const [i, one] of plan.entries()) {
    const { name, inner = [], groups = {} } = one;
    const measured = isMeasured || has(plan.slice(0, i), measures);
    if (name === "freeze" && measured) return "a norm in front of freeze does not see the gradients of frozen leaves";
    const isLast = plan.slice(i + 1).every((other) => keepZeros.includes(other.name));
    if (has(isLast ? (name === "lookahead" ? inner : []) : [one], gates)) return "rules behind a gate wait with it";
    if (!isLast && has([one], ["freeze"])) return "rules behind freeze do not run";
    for (const below of [inner, ...Object.values(groups)]) {
      const found = departure(below, measured || name === "skipNonFinite");
      if (found) return found;
    }
  }
  return null;
}

/** Whether NaN or infinities come to where gradients gather. */
function isPoisoned(plan: Plan, steps: readonly GoldenStep[]): boolean {
  const open = plan.findIndex(({ name }) => name === "skipNonFinite" || name === "zeroNans");
  const gathers = has(open < 0 ? plan : plan.slice(0, open), ["accumulate"]);
  return gathers && steps.some(({ grads }) => someElement(grads, (x) => !Number.isFinite(x)));
}

/** What the library's own words refuse, such as a number out of range. */
function refused<Made>(planned: Made | Waiting, make: (plan: Made) => void): Made | Waiting {
  if (planned instanceof Waiting) return planned;
  try {
    make(planned);
    return planned;
  } catch (error) {
    if (error instanceof RangeError || error instanceof TypeError) return new Waiting(error.message);
    throw error;
  }
}

const stepKeys = ["grads", "updates", "params", "value", "slow", "norm"];

/** A case's calls in order, or why it waits. */
export function planCase(dialect: Dialect, { name: _, params: __, steps, ...recipe }: GoldenCase): Plan | Waiting {
  const plan = planRecipe(dialect, recipe);
  if (plan instanceof Waiting) return plan;
  const unknown = steps.map((step) => unknownKey("the test of a step", step, stepKeys)).find((found) => found);
  if (unknown) return unknown;
  const departs = departure(plan) ?? (isPoisoned(plan, steps) ? "NaN stays in Optax's accumulator for good" : null);
  return departs ? new Waiting(departs) : refused(plan, makeUpdate);
}

export function planScheduleOf(dialect: Dialect, golden: GoldenSchedule): Call | Fed | Waiting {
  const { schedule, opts, values, metrics, ...others } = golden;
  const unknown = unknownKey("the test of a schedule", others, []);
  if (unknown) return unknown;
  if (!metrics) return refused(planSchedule(dialect, schedule, opts), makeSchedule);
  const fed = Object.hasOwn(dialect.fed, schedule) ? dialect.fed[schedule]! : null;
  if (!fed) return new Waiting(`there is no translation of ${schedule}, which is fed`);
  return refused(fed(opts, metrics), ({ plan }) => makeUpdate(plan));
}

export function makeSchedule({ name, options }: Call): lanestep.Schedule {
  const inner = options.schedules as readonly Call[] | undefined;
  return exported(name)(inner ? { ...options, schedules: inner.map(makeSchedule) } : options) as lanestep.Schedule;
}

function makeRule({ name, options, inner, groups, labels }: Call): lanestep.Update {
  if (groups) {
    const updates = Object.entries(groups).map(([label, plan]) => [label, makeUpdate(plan)] as const);
    return lanestep.partition(Object.fromEntries(updates), labels as lanestep.Labels<string>);
  }
  if (inner && labels !== undefined) return lanestep.masked(makeUpdate(inner), labels as lanestep.Labels<boolean>);
  if (name === "scaleByState") return lanestep.scaleByState(lanestep.control(options.step as number));
  const made = Object.entries(options).map(([option, value]) => [
    option,
    value instanceof Scheduled ? makeSchedule(value.call) : value,
  ]);
  const given = Object.fromEntries(made);
  if (name === "scaleBySchedule") return lanestep.scaleBySchedule(given.schedule);
  return exported(name)(...(inner ? [makeUpdate(inner)] : []), given) as lanestep.Update;
}

export const makeUpdate = (plan: Plan): lanestep.Update => lanestep.chain(...plan.map(makeRule));
