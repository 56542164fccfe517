// Which public functions take options, which options those are, and what is just outside their ranges.

import * as lanestep from "../../src/index.ts";

const words = (text: string) => text.trim().split(/\s+/);

export const CHAINS = words("adabelief adadelta adagrad adam adamax adamw lamb lion noisySgd radam rmsprop sgd yogi");
export const SCHEDULES = words("constant cosineDecay exponentialDecay polynomialDecay");
export const WITHOUT_OPTIONS = words("centralize freeze identity zeroNans");
/** They take an update first, and then options. */
export const WRAPPERS = words("accumulate lookahead skipNonFinite");
export const OF_ARGUMENTS = words(`applyUpdates chain compose control functional globalNorm masked partition
  scaleBySchedule scaleByState stateful stateless`);
const others = [...CHAINS, ...SCHEDULES, ...WITHOUT_OPTIONS, ...WRAPPERS, ...OF_ARGUMENTS];
/** All other functions make a rule of options. */
export const RULES = Object.entries(lanestep)
  .filter(([name, value]) => typeof value === "function" && !/Error$/.test(name) && !others.includes(name))
  .map(([name]) => name);

/** A public function, asked with anything. */
export function call(name: string, ...given: unknown[]): unknown {
  return (lanestep as unknown as Record<string, (...given: unknown[]) => unknown>)[name]!(...given);
}

/** A public function, asked with options and what it needs besides. */
export const withOptions = (name: string, options: unknown): unknown =>
  WRAPPERS.includes(name) ? call(name, lanestep.identity(), options) : call(name, options);

/** Options that are wanted: they have no default. */
export const REQUIRED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  accumulate: { every: 2 },
  ema: { decay: 0.5 },
};

/** The options that a function takes, by its own word. */
export function optionsOf(name: string): string[] {
  try {
    withOptions(name, { noSuchOption: 1 });
  } catch (error) {
    return (error as Error).message.split("It takes ")[1]!.split(", ");
  }
  throw new Error(`${name} takes any option`);
}

/** Every option of these functions. */
export const optionPairs = (names: readonly string[]) =>
  names.flatMap((name) => optionsOf(name).map((option) => [name, option] as const));

/** Options that are no numbers, or of which only some are meant. */
export const NO_RANGE = words("nesterov centered staircase debias mean order seed");

const outside: Readonly<Record<string, number>> = {
  ...{
    learningRate: -1e-9,
    rho: 1,
    b1: 1,
    b2: -0.1,
    eps: -1e-9,
    epsRoot: -1,
    threshold: 3.9,
    momentum: 1.2,
    alpha: -1,
  },
  ...{ eta: -1, gamma: -1, seed: -1, delta: -1, maxNorm: -1, minNorm: -1, trustCoefficient: -1, initialScale: -1 },
  ...{ initialAccumulatorValue: -1, decaySteps: 0, transitionSteps: 1.5, transitionBegin: -1, decayRate: 0, power: 0 },
  ...{ order: 1, every: 1.5, rate: 1.1, factor: 1, patience: 0, cooldown: -1, rtol: -1, atol: -1, minScale: -1 },
  ...{ maxConsecutive: 0.5 },
};
const outsideOfDecay: Readonly<Record<string, number>> = {
  ...{ trace: 1.5, scaleByRms: 1, scaleByStddev: 1, rmsprop: 1, ema: 1, averageParams: -0.1 },
};

/** A number that is just out of an option's range; where every f32 is in it, one that is none. */
export const outsideOf = (name: string, option: string): number =>
  (option === "decay" ? outsideOfDecay[name] : outside[option]) ?? 1e39;

/** An option that may be a schedule: a value of it, and the rule made with another. */
export interface ScalarOption {
  readonly name: string;
  readonly option: string;
  readonly value: number;
  readonly make: (scalar: lanestep.Scalar) => lanestep.Update;
}

/** Where the default is zero, or there is none, or it takes long: a number that changes something. */
const telling: Readonly<Record<string, number>> = { every: 2, patience: 1, cooldown: 1, rate: 0.25 };

/** The options of all rules that may be schedules. */
export const scalarOptions = (): ScalarOption[] =>
  optionPairs([...RULES, ...WRAPPERS]).flatMap(([name, option]) => {
    // A plateau of ten steps is none in a test of a few.
    const besides = name === "reduceOnPlateau" ? { patience: 1 } : {};
    const make = (scalar: unknown) => withOptions(name, { ...besides, [option]: scalar }) as lanestep.Update;
    try {
      const rule = make(() => 0.5).rules.find(({ rule }) => rule.name === name)!.rule;
      const { initial } = (rule.options as Record<string, { initial: number | undefined }>)[option]!;
      return [{ name, option, value: telling[option] ?? (initial || 0.5), make }];
    } catch {
      return [];
    }
  });
