import type { Engine } from "../backends/backend.ts";
import { option } from "../options.ts";
import type { StepValues } from "../program/values.ts";
import type { Parts } from "./parts.ts";

/** Norms of one leaf. */
export interface LeafStats {
  /** NaN between `update()` and `apply()`; 0 of a frozen leaf. */
  readonly gradNorm: number;
  readonly updateNorm: number;
  readonly paramNorm: number;
}

/**
 * What the last step was like. Before the first step of this very optimizer, a rate that is a schedule is not known yet,
 * and norms are those of zeros.
 */
export interface Stats {
  /** Steps that changed parameters. */
  readonly count: number;
  /** Steps that `skipNonFinite` skipped. */
  readonly skipped: number;
  /**
   * The learning rate that `scaleByLearningRate` had; null if there is none, or if groups have different ones. What other
   * rules scale by is not in it.
   */
  readonly rate: number | null;
  /** By rule, for several groups: `partition/head/scaleByLearningRate`. */
  readonly rates: Readonly<Record<string, number>>;
  /** By rule: what `reduceOnPlateau` scales by, beside the rates. */
  readonly scales: Readonly<Record<string, number>>;
  /** Of the gradients, over the whole tree; NaN between `update()` and `apply()`. */
  readonly gradNorm: number;
  readonly paramNorm: number;
  /** Whether a `clipByGlobalNorm` scaled down. */
  readonly clipped: boolean;
  /** Of what was added to the parameters; null without `init(params, { stats: true })`, and so are the leaves. */
  readonly updateNorm: number | null;
  /** By path. */
  readonly leaves: Readonly<Record<string, LeafStats>> | null;
}

export const toldSpec = {
  value: option<number | undefined>(undefined, "a number", (value) => value === undefined || typeof value === "number"),
};

/** What statistics are made of. */
export type StatsParts = Pick<Parts, "program" | "host" | "norms" | "factors" | "keepsUpdates"> & {
  readonly values: readonly Pick<StepValues, "options">[];
  readonly engine: Pick<Engine, "squares">;
};

export function statsOf(parts: StatsParts, isUpdated: boolean): Stats {
  const { program, host, values, engine, norms, factors, keepsUpdates } = parts;
  const { all } = program.chain;
  const rates: Record<string, number> = {};
  program.groups.forEach(({ rules }, group) => {
    rules.forEach(({ rule, address }, local) => {
      // There are no options yet before a step of this very optimizer.
      const rate = rule.name === "scaleByLearningRate" ? values[group]!.options[local]?.learningRate : undefined;
      if (rate !== undefined) rates[address] = rate;
    });
  });
  const [rate = null, ...others] = new Set(Object.values(rates));
  const squares = (id: "params" | "grads" | "updates") => program.layout.leaves.map((leaf) => engine.squares(id, leaf));
  const root = (all: readonly number[]) => Math.sqrt(all.reduce((sum, x) => sum + x, 0));
  const params = squares("params");
  const updates = keepsUpdates ? squares("updates") : null;
  // A first rule of the chain measures the gradients themselves, with nothing done to them.
  const measured = norms[0] ?? Number.NaN;
  const grads = isUpdated || (!updates && !Number.isNaN(measured)) ? null : squares("grads");
  const leaf = (i: number): LeafStats => ({
    gradNorm: grads ? Math.sqrt(grads[i]!) : Number.NaN,
    updateNorm: Math.sqrt(updates![i]!),
    paramNorm: Math.sqrt(params[i]!),
  });
  return {
    count: host.count,
    skipped: host.memories.reduce((sum, memory) => sum + (memory?.skipped ?? 0), 0),
    rate: others.length > 0 ? null : rate,
    rates,
    scales: Object.fromEntries(
      all.flatMap(({ rule, address, index }) => {
        const scale = rule.name === "reduceOnPlateau" ? host.memories[index]!.scale! : null;
        return scale === null ? [] : [[address, scale]];
      }),
    ),
    gradNorm: Number.isNaN(measured) ? (grads ? root(grads) : Number.NaN) : measured,
    paramNorm: root(params),
    clipped: all.some(({ rule, index }) => rule.name === "clipByGlobalNorm" && factors[index]! < 1),
    updateNorm: updates && root(updates),
    leaves: updates && Object.fromEntries(program.layout.leaves.map(({ path }, i) => [path, leaf(i)])),
  };
}
