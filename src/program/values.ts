import { isControl } from "../control.ts";
import { once } from "../once.ts";
import { resolveAll } from "../options.ts";
import type { BoundRule, Numbers, Told } from "../updates/rule.ts";
import type { GroupProgram } from "./compile.ts";
import type { Program } from "./program.ts";

/** What an optimizer remembers beside its planes: all of it is saved. */
export interface Host {
  /** Steps that changed parameters. */
  count: number;
  /** How often each scope was entered: that of all steps, then that of each gate by its index. */
  counts: number[];
  /** By rule: what those remember that do. */
  memories: (Numbers | null)[];
  /** Of leaves that came later: by rule, what its count was then. The first is of those there from the start. */
  births: readonly (readonly number[])[];
  /** By rule: a user's own state. */
  custom: readonly unknown[];
}

/** What most hosts have for good: they share it. */
const beginning = once(({ all }: Program["chain"]) => ({
  memories: all.map(({ rule }) => ("memory" in rule && rule.memory ? rule.memory.initial : null)),
  births: [all.map(() => 0)],
  custom: all.map(() => null),
}));

/** A host as it is before the first step. */
export function newHost(chain: Program["chain"]): Host {
  const { memories, births, custom } = beginning(chain);
  const counts = new Array<number>(chain.all.length + 1).fill(0);
  return { count: 0, counts, memories: memories.some(Boolean) ? [...memories] : memories, births, custom };
}

/** What all optimizers of a program know of the rules of a group. */
const known = once(({ rules, scopes, firstScalars, valueCount }: GroupProgram) => {
  const constant = rules.map((bound) => (changes(bound) ? null : bound.options));
  // As NaN, V8 takes it for an array of doubles from the start.
  const values = Array.from({ length: valueCount }, () => Number.NaN);
  const isSettled = rules.map(({ rule }, i) => {
    const options = constant[i];
    if (rule.kind !== "linear" || !options || rule.scalar.length > 1) return false;
    values[firstScalars[i]!] = rule.scalar(options as never, 0, nothing);
    return true;
  });
  return {
    rules,
    firstScalars,
    /** Options; null where they may change. */
    constant,
    values,
    /** Whose one scalar never changes: it is there from the start. */
    isSettled,
    // How many parts a gate takes follows the steps behind it.
    scopes: scopes.map((scope, i) => (rules[i]!.rule.kind === "gate" ? 1 + rules[i]!.index : scope)),
  };
});

/** What one step of a group computes with: options as numbers, and the scalars of its passes made of them. */
export class StepValues {
  /** Host scalars, filled in by {@link at}; factors of norms, filled in while the step runs. */
  readonly values: number[];
  // biome-ignore lint/suspicious/noExplicitAny: see Rule.
  readonly options: any[];
  readonly #known: ReturnType<typeof known>;
  readonly #host: Host;
  readonly #birth: number;

  constructor(group: GroupProgram, birth: number, host: Host) {
    this.#known = known(group);
    const { values, constant } = this.#known;
    this.#host = host;
    this.#birth = birth;
    // An ordinary array: a typed one of some numbers takes three times as much.
    this.values = values.slice();
    this.options = constant.includes(null) ? constant.slice() : constant;
  }

  /** Steps before this one, what schedules and noise go by. */
  stepOf(local: number): number {
    return this.#host.counts[this.#known.scopes[local]!]!;
  }

  /** Updates before this one that the leaves of a rule have seen. */
  ageOf(local: number): number {
    return this.stepOf(local) - this.#host.births[this.#birth]![this.#known.rules[local]!.index]!;
  }

  /**
   * Fills in the values of a step.
   *
   * @param memories by index in the chain: what rules remember, as it is in this step
   * @throws RangeError for a schedule or control that gives no number, or one out of range; no plane was written then
   */
  at(memories: readonly (Numbers | null)[]): void {
    const { rules, firstScalars, constant, isSettled } = this.#known;
    for (let i = 0; i < rules.length; i++) {
      if (isSettled[i]) continue;
      const { rule, options, index } = rules[i]!;
      if (!constant[i]) this.options[i] = resolveAll(options, this.stepOf(i), rule.name, rule.options);
      const first = firstScalars[i]!;
      if (rule.kind === "linear") {
        this.values[first] = rule.scalar(this.options[i], this.ageOf(i), memories[index] ?? nothing);
      } else if (rule.kind === "elementwise" || rule.kind === "kernel") {
        const scalars = rule.compute(this.options[i], rule.kind === "kernel" ? this.stepOf(i) : this.ageOf(i));
        for (let k = 0; k < scalars.length; k++) this.values[first + k] = scalars[k]!;
      }
    }
  }
}

const nothing: Numbers = {};

/** What rules will remember if they run in this step. @throws TypeError if `told` lacks what one needs */
export function advanced(
  { chain, remembers, scopesOf }: Program,
  { counts, memories }: Host,
  told: Told,
): readonly (Numbers | null)[] {
  if (!remembers) return memories;
  return chain.all.map(({ rule, options, index }) => {
    const memory = memories[index]!;
    if (rule.kind !== "linear" || !rule.memory) return memory;
    const now = resolveAll(options, counts[scopesOf[index]![0] ?? 0]!, rule.name, rule.options);
    return rule.memory.advance(now, memory, told);
  });
}

/** Whether an option may have another value in the next step. */
const changes = ({ options }: BoundRule): boolean =>
  Object.values(options).some((option) => typeof option === "function" || isControl(option));
