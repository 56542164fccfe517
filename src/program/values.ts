import { isControl } from "../control.js";
import { resolveAll } from "../options.js";
import type { BoundRule } from "../updates/rule.js";
import type { Program } from "./program.js";

/** What one step computes with: options as numbers, and the scalars of the program made of them. */
export class StepValues {
  /** Host scalars, filled in by {@link at}; factors of norms, filled in by the backend. */
  readonly values: Float64Array;
  step = 0;
  // biome-ignore lint/suspicious/noExplicitAny: see Rule.
  readonly options: any[];
  readonly #program: Program;
  readonly #live: readonly boolean[];
  readonly #named: readonly (readonly { readonly name: string; readonly index: number }[])[];

  constructor(program: Program) {
    this.#program = program;
    this.values = new Float64Array(program.valueCount);
    this.#named = program.rules.map((_, i) => program.scalars.filter(({ rule }) => rule === i));
    this.#live = program.rules.map(changes);
    this.options = program.rules.map(({ options }, i) => (this.#live[i] ? null : options));
  }

  /**
   * Fills in the values of a step.
   *
   * @throws RangeError for a schedule or control that gives no number, or one out of range; no plane was written then
   */
  at(step: number): void {
    this.step = step;
    const { rules } = this.#program;
    for (let i = 0; i < rules.length; i++) {
      const { rule, options } = rules[i]!;
      if (this.#live[i]) this.options[i] = resolveAll(options, step, rule.name, rule.options);
      const named = this.#named[i]!;
      if (rule.kind === "linear") this.values[named[0]!.index] = rule.scalar(this.options[i], step);
      else if (rule.kind === "elementwise" || rule.kind === "kernel") {
        const scalars: Readonly<Record<string, number>> = rule.scalars(this.options[i], step);
        for (let k = 0; k < named.length; k++) this.values[named[k]!.index] = scalars[named[k]!.name]!;
      }
    }
  }
}

/** Whether an option may have another value in the next step. */
const changes = ({ options }: BoundRule): boolean =>
  Object.values(options).some((option) => typeof option === "function" || isControl(option));
