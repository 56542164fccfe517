// How a library's golden file says what this library calls otherwise: names, options, and the defaults of options that
// are left out. Where names and options are the same in camelCase, nothing needs to be said.

import * as lanestep from "../../../src/index.ts";
import * as schedules from "../../../src/schedules/index.ts";
import type { GoldenSchedule, Options, TorchOptimizer } from "./format.ts";

/** One call of this library: an export's name and its options. */
export interface Call {
  readonly name: string;
  readonly options: Options;
  /** The chain that it wraps: its first argument. */
  readonly inner?: Plan;
  /** The chains that a partition takes, by label. */
  readonly groups?: Readonly<Record<string, Plan>>;
  /** A partition's labels, or a mask: its second argument. */
  readonly labels?: unknown;
}

/** A chain: calls in order. */
export type Plan = readonly Call[];

/** Why a case cannot run yet: decided by what it asks for alone, never by what comes out. */
export class Waiting {
  constructor(readonly because: string) {}
}

/** An option's value that is a schedule. */
export class Scheduled {
  constructor(readonly call: Call) {}
}

/** A schedule of a file in this library's words; `plan` translates a schedule inside its options. */
export type Translation = (given: Options, plan: (name: string, opts: Options) => Call | Waiting) => Call | Waiting;

/** A schedule that is fed: what runs, and what it is told, step by step. */
export interface Fed {
  readonly plan: Plan;
  readonly learningRate: number;
  readonly told: readonly number[];
}

export interface Dialect {
  /** Values of options that a case leaves out, where they are not this library's. */
  readonly defaults: Readonly<Record<string, Options>>;
  /** Options by another name: this library's by theirs. */
  readonly options: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** Rules by another name. */
  readonly rules: Readonly<Record<string, string>>;
  /** Options that this library does not have, and the value that says what it does anyway. */
  readonly implied: Readonly<Record<string, Options>>;
  /** Schedules by another name, and those that are another call. */
  readonly schedules: Readonly<Record<string, string | Translation>>;
  /** Schedules that are fed. */
  readonly fed: Readonly<Record<string, (given: Options, metrics: readonly number[]) => Fed | Waiting>>;
  /** Wrappers by the call that says them: it takes what it wraps as its first argument, or stands behind it. */
  readonly wrappers: Readonly<Record<string, { readonly name: string; readonly where: "around" | "behind" }>>;
  /** PyTorch's way to say an optimizer. */
  readonly torch: (torch: TorchOptimizer) => Plan | Waiting;
  /** How far a schedule may be off, relative to its largest value. */
  readonly scheduleTolerance: number;
  /** Whether float32 in that library is coarser than `tolerance` from a step on, counted from 0. */
  readonly exception: (call: Call) => { readonly from: number; readonly tolerance: number } | null;
}

export const noTorch = ({ name }: TorchOptimizer): Waiting => new Waiting(`${name} is no name of this file's library`);

export const call = (name: string, options: Options = {}): Call => ({ name, options });

export const camelCase = (name: string): string => name.replace(/_+(\w)/g, (_, letter: string) => letter.toUpperCase());

export const camelKeys = (opts: Options): Options =>
  Object.fromEntries(Object.entries(opts).map(([option, value]) => [camelCase(option), value]));

/**
 * A translation of options that stand otherwise here.
 *
 * @param defaults the options that are known, in camelCase: a case with another waits; `undefined` has no default
 */
export function translation<Known extends object, Result>(
  defaults: Known,
  translated: (options: Known) => Result,
): (given: Options) => Result | Waiting {
  return (given) => {
    const unknown = Object.keys(given).find((option) => !Object.hasOwn(defaults, option));
    if (unknown !== undefined) return new Waiting(`there is no translation of the option ${unknown}`);
    return translated({ ...defaults, ...given });
  };
}

type Make = (...given: unknown[]) => unknown;

/** A public function of any entry. */
export const exported = (name: string): Make =>
  (({ ...lanestep, ...schedules }) as unknown as Record<string, Make>)[name]!;

/** Whether the function takes an option: by its own word, as what it has no option for is a TypeError. */
function takes(name: string, isWrapper: boolean, option: string): boolean {
  const refuses = (given: string) => {
    try {
      exported(name)(...(isWrapper ? [lanestep.identity()] : []), { [given]: undefined });
      return false;
    } catch (error) {
      return error instanceof TypeError && error.message.includes(`has no option ${given}`);
    }
  };
  return !refuses(option) && refuses("noSuchOption");
}

const isSchedule = (value: unknown): value is GoldenSchedule =>
  typeof value === "object" && value !== null && typeof (value as GoldenSchedule).schedule === "string";

/** A call in this library's words, or what it lacks for it. */
export function translate(dialect: Dialect, name: string, given: Options, isWrapper = false): Call | Waiting {
  if (typeof exported(name) !== "function") return new Waiting(`there is no ${name}`);
  const { [name]: implied = {} } = dialect.implied;
  const options: Record<string, unknown> = { ...dialect.defaults[name] };
  for (const [option, value] of Object.entries(camelKeys(given))) {
    if (Object.hasOwn(implied, option) && implied[option] === value) continue;
    const known = dialect.options[name]?.[option] ?? option;
    if (!takes(name, isWrapper, known)) return new Waiting(`${name} has no option ${known}`);
    const plan = isSchedule(value) ? planSchedule(dialect, value.schedule, value.opts) : value;
    if (plan instanceof Waiting) return plan;
    options[known] = isSchedule(value) ? new Scheduled(plan as Call) : value;
  }
  return call(name, options);
}

export function planSchedule(dialect: Dialect, name: string, opts: Options = {}): Call | Waiting {
  const camel = camelCase(name);
  const known = dialect.schedules[camel] ?? camel;
  if (typeof known === "string") return translate(dialect, known, opts);
  return known(camelKeys(opts), (inner, given) => planSchedule(dialect, inner, given));
}
