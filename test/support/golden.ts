// Golden files: other libraries' outputs on seeded inputs. This reads one, says in this library's words what each case
// runs, and names the cases that wait for what this library does not have.

import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import * as lanestep from "../../src/index.js";

type Options = Readonly<Record<string, unknown>>;

/** A leaf of a file; `"NaN"`, `"Infinity"` and `"-Infinity"` stand as strings. */
interface GoldenLeaf {
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}

export type GoldenTree = GoldenLeaf | readonly GoldenTree[] | { readonly [key: string]: GoldenTree };

/** What a case or a wrapper runs: one of these. */
interface Recipe {
  readonly chain?: readonly { readonly op: string; readonly opts?: Options }[];
  readonly optimizer?: { readonly name: string; readonly learning_rate: unknown; readonly opts?: Options };
  readonly wrapper?: { readonly name: string; readonly inner?: Recipe };
}

export interface GoldenCase extends Recipe {
  readonly name: string;
  readonly params: GoldenTree;
  readonly steps: readonly { readonly grads: GoldenTree; readonly updates: GoldenTree; readonly params: GoldenTree }[];
}

export interface GoldenSchedule {
  readonly schedule: string;
  readonly opts: Options;
  /** For step counts 0, 1, 2, … */
  readonly values: readonly number[];
}

/** How a library's file names and leaves out what differs from here. Names and options are Axon's in all files. */
interface Dialect {
  /** Values of options that a case leaves out, where they are not this library's. */
  readonly defaults: Readonly<Record<string, Options>>;
  /** Options by another name: this library's by theirs. */
  readonly options: Readonly<Record<string, Readonly<Record<string, string>>>>;
  readonly schedules: Readonly<Record<string, string>>;
  /** Whether float32 in that library is coarser than `tolerance` from a step on, counted from 0. */
  readonly exception: (call: Call) => { readonly from: number; readonly tolerance: number } | null;
}

const axon: Dialect = { defaults: {}, options: {}, schedules: {}, exception: () => null };

const moments = { b1: 0.9, b2: 0.999, eps: 1e-8, epsRoot: 0 };
const belief = { ...moments, eps: 1e-16, epsRoot: 1e-16 };
const radam = { ...moments, threshold: 5 };
const yogi = { ...moments, eps: 1e-3, initialAccumulatorValue: 1e-6 };
const rms = { decay: 0.9, eps: 1e-8, initialScale: 0 };
const rss = { initialAccumulatorValue: 0.1, eps: 1e-7 };

const optax: Dialect = {
  defaults: {
    scaleByAdam: moments,
    scaleByBelief: belief,
    scaleByRadam: radam,
    scaleByYogi: yogi,
    scaleByRms: rms,
    scaleByStddev: rms,
    scaleByRss: rss,
    scaleByTrustRatio: { minNorm: 0, trustCoefficient: 1, eps: 0 },
    adabelief: belief,
    adagrad: rss,
    adam: moments,
    adamw: { ...moments, decay: 1e-4 },
    lamb: { ...moments, eps: 1e-6, decay: 0 },
    radam,
    rmsprop: { ...rms, momentum: null },
    sgd: { momentum: null },
    yogi,
    polynomialDecay: { transitionBegin: 0 },
    exponentialDecay: { transitionBegin: 0, staircase: false },
    cosineDecay: { alpha: 0 },
  },
  options: {
    adamw: { weightDecay: "decay" },
    lamb: { weightDecay: "decay" },
    addDecayedWeights: { weightDecay: "decay" },
    constant: { value: "initValue" },
  },
  schedules: {
    constantSchedule: "constant",
    cosineDecaySchedule: "cosineDecay",
    polynomialSchedule: "polynomialDecay",
  },
  exception: ({ name, options }) => {
    // Its ρ cancels in float32: 4.961 where 4.996 is right.
    if (/radam$/i.test(name) && options.b2 === 0.999) return { from: 5, tolerance: 2e-2 };
    if (name === "scaleByStddev" && options.biasCorrection === true) return { from: 0, tolerance: 1.5e-3 };
    return null;
  },
};

export interface GoldenFile {
  readonly file: string;
  readonly dialect: Dialect;
  readonly cases: readonly GoldenCase[];
  readonly schedules: readonly GoldenSchedule[];
}

/** All files of a folder whose format and defaults are known here. */
export function readGolden(folder: string): GoldenFile[] {
  const names = readdirSync(folder).filter((name) => /^(axon|optax)-.*\.json$/.test(name));
  if (names.length === 0) throw new Error(`no axon-*.json and no optax-*.json in ${folder}`);
  return names.sort().map((file) => {
    const { cases = [], schedules = [] } = JSON.parse(readFileSync(path.join(folder, file), "utf8"));
    return { file, dialect: file.startsWith("axon") ? axon : optax, cases, schedules };
  });
}

const isLeaf = (tree: GoldenTree): tree is GoldenLeaf => Object.hasOwn(tree, "shape") && Object.hasOwn(tree, "data");

/** A tree in the form that this library takes. */
export function toTree(tree: GoldenTree): object {
  if (isLeaf(tree)) return { data: Float32Array.from(tree.data, Number), shape: tree.shape };
  if (Array.isArray(tree)) return tree.map(toTree);
  return Object.fromEntries(Object.entries(tree).map(([key, child]) => [key, toTree(child)]));
}

/** The leaves of a file's tree or of a tree of views, by path. */
export function leavesOf(tree: unknown, at = ""): Map<string, ArrayLike<number>> {
  if (tree instanceof Float32Array) return new Map([[at, tree]]);
  if (isLeaf(tree as GoldenTree)) return new Map([[at, (tree as GoldenLeaf).data.map(Number)]]);
  const children = Object.entries(tree as object).sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(children.flatMap(([key, child]) => [...leavesOf(child, `${at}.${key}`)]));
}

/** One call of this library: an export's name and its options. */
export interface Call {
  readonly name: string;
  readonly options: Options;
}

/** Why a case cannot run yet: decided by the names of what it asks for alone, never by what comes out. */
export class Waiting {
  constructor(readonly because: string) {}
}

const camelCase = (name: string): string => name.replace(/_+(\w)/g, (_, letter: string) => letter.toUpperCase());

type Make = (argument?: unknown) => unknown;

const exported = (name: string): Make => (lanestep as unknown as Record<string, Make>)[name]!;

/** Whether the function takes an option: by its own word, as what it has no option for is a TypeError. */
function takes(name: string, option: string): boolean {
  const refuses = (given: string) => {
    try {
      exported(name)({ [given]: undefined });
      return false;
    } catch (error) {
      return error instanceof TypeError && error.message.includes(`has no option ${given}`);
    }
  };
  return !refuses(option) && refuses("noSuchOption");
}

/** A call in this library's words, or what it lacks for it. */
function translate(dialect: Dialect, name: string, given: Options): Call | Waiting {
  if (typeof exported(name) !== "function") return new Waiting(`there is no ${name}`);
  const named = Object.entries(given).map(([option, value]) => {
    const camel = camelCase(option);
    return [dialect.options[name]?.[camel] ?? camel, value] as const;
  });
  const missing = named.find(([option]) => !takes(name, option));
  if (missing) return new Waiting(`${name} has no option ${missing[0]}`);
  return { name, options: { ...dialect.defaults[name], ...Object.fromEntries(named) } };
}

function planSchedule(dialect: Dialect, name: string, opts: Options): Call | Waiting {
  const camel = camelCase(name);
  return translate(dialect, dialect.schedules[camel] ?? camel, opts);
}

function planRule(dialect: Dialect, { op, opts = {}, ...others }: { op: string; opts?: Options }): Call | Waiting {
  const name = camelCase(op);
  const beside = Object.keys(others)[0];
  if (beside !== undefined) return new Waiting(`${name} takes no ${beside}`);
  // The two whose argument is no options object.
  if (name === "scaleByState") return { name, options: opts };
  if (name !== "scaleBySchedule") return translate(dialect, name, opts);
  const schedule = planSchedule(dialect, String(opts.schedule), (opts.opts ?? {}) as Options);
  return schedule instanceof Waiting ? schedule : { name, options: { schedule } };
}

function planRecipe(dialect: Dialect, { chain, optimizer, wrapper }: Recipe): readonly (Call | Waiting)[] {
  if (chain) return chain.map((rule) => planRule(dialect, rule));
  if (optimizer) {
    const { name, learning_rate, opts } = optimizer;
    return [translate(dialect, camelCase(name), { learning_rate, ...opts })];
  }
  if (wrapper?.name === "chain" && wrapper.inner) return planRecipe(dialect, wrapper.inner);
  return [new Waiting(`there is no wrapper ${wrapper ? camelCase(wrapper.name) : "of this kind"}`)];
}

/** A case's calls in order, or why it waits. */
export function planCase(dialect: Dialect, recipe: Recipe): readonly Call[] | Waiting {
  const plan = planRecipe(dialect, recipe);
  return plan.find((call) => call instanceof Waiting) ?? (plan as readonly Call[]);
}

export const planScheduleOf = (dialect: Dialect, { schedule, opts }: GoldenSchedule): Call | Waiting =>
  planSchedule(dialect, schedule, opts);

export const makeSchedule = ({ name, options }: Call): lanestep.Schedule =>
  exported(name)(options) as lanestep.Schedule;

function makeRule({ name, options }: Call): lanestep.Update {
  if (name === "scaleByState") return lanestep.scaleByState(lanestep.control(options.step as number));
  if (name === "scaleBySchedule") return lanestep.scaleBySchedule(makeSchedule(options.schedule as Call));
  return exported(name)(options) as lanestep.Update;
}

export const makeUpdate = (plan: readonly Call[]): lanestep.Update => lanestep.chain(...plan.map(makeRule));
