import { isControl } from "../control.ts";
import { resolveAll } from "../options.ts";
import type { BoundRule, Numbers, Told } from "../updates/rule.ts";
import type { GroupProgram } from "./compile.ts";
import type { Program } from "./program.ts";

/** What an optimizer remembers beside its planes: all of it is saved. */
export interface Host {
  /** Steps that changed parameters. */
  count: number;
  /** How often each scope was entered: that of all steps, then that of each gate by its index. */
  readonly counts: number[];
  /** By rule: what those remember that do. */
  readonly memories: (Numbers | null)[];
  /** Of leaves that came later: by rule, what its count was then. The first is of those there from the start. */
  readonly births: (readonly number[])[];
  /** By rule: a user's own state. */
  custom: unknown[];
}

/** A host as it is before the first step. */
export function newHost({ all }: Program["chain"]): Host {
  const counts = new Array<number>(all.length + 1).fill(0);
  return {
    count: 0,
    counts,
    memories: all.map(({ rule }) => ("memory" in rule && rule.memory ? rule.memory.initial : null)),
    births: [all.map(() => 0)],
    custom: all.map(() => null),
  };
}

/** What one step of a group computes with: options as numbers, and the scalars of its passes made of them. */
export class StepValues {
  /** Host scalars, filled in by {@link at}; factors of norms, filled in while the step runs. */
  readonly values: Float64Array;
  // biome-ignore lint/suspicious/noExplicitAny: see Rule.
  readonly options: any[];
  /** By rule: updates before this one that its leaves have seen. */
  readonly ages: number[];
  /** By rule: steps before this one, what schedules and noise go by. */
  readonly steps: number[];
  readonly rules: GroupProgram["rules"];
  readonly #scopes: readonly number[];
  readonly #birth: number;
  readonly #live: readonly boolean[];
  readonly #first: readonly number[];
  /** Rules whose one scalar never changes: it is there from the start. */
  readonly #isSettled: readonly boolean[];

  constructor(group: GroupProgram, birth: number) {
    this.rules = group.rules;
    // How many parts a gate takes follows the steps behind it.
    this.#scopes = group.scopes.map((scope, i) => {
      const { rule, index } = group.rules[i]!;
      return rule.kind === "gate" ? 1 + index : scope;
    });
    this.#birth = birth;
    this.values = new Float64Array(group.valueCount);
    this.#first = group.firstScalars;
    this.#live = group.rules.map(changes);
    this.options = group.rules.map(({ options }, i) => (this.#live[i] ? null : options));
    this.ages = group.rules.map(() => 0);
    this.steps = group.rules.map(() => 0);
    this.#isSettled = group.rules.map(({ rule }, i) => {
      if (rule.kind !== "linear" || this.#live[i] || rule.scalar.length > 1) return false;
      this.values[group.firstScalars[i]!] = rule.scalar(this.options[i], 0, nothing);
      return true;
    });
  }

  /**
   * Fills in the values of a step.
   *
   * @param memories by index in the chain: what rules remember, as it is in this step
   * @throws RangeError for a schedule or control that gives no number, or one out of range; no plane was written then
   */
  at({ counts, births }: Host, memories: readonly (Numbers | null)[]): void {
    const { rules } = this;
    const born = births[this.#birth]!;
    for (let i = 0; i < rules.length; i++) {
      const { rule, options, index } = rules[i]!;
      const step = counts[this.#scopes[i]!]!;
      const age = step - born[index]!;
      this.steps[i] = step;
      this.ages[i] = age;
      if (this.#isSettled[i]) continue;
      if (this.#live[i]) this.options[i] = resolveAll(options, step, rule.name, rule.options);
      const first = this.#first[i]!;
      if (rule.kind === "linear") {
        this.values[first] = rule.scalar(this.options[i], age, memories[index] ?? nothing);
      } else if (rule.kind === "elementwise" || rule.kind === "kernel") {
        const scalars = rule.compute(this.options[i], rule.kind === "kernel" ? step : age);
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
