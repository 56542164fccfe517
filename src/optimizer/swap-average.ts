import { StateError } from "../errors.ts";
import type { Program } from "../program/program.ts";
import type { PlaneViews } from "./views.ts";

/** Elements that are exchanged at a time. */
const CHUNK = 4096;

/** The slots that hold an average of the parameters. @throws StateError where there is none */
export function averagesOf({ slots, chain }: Program): number[] {
  const averages = slots.flatMap(({ rule }, slot) => (chain.all[rule]!.rule.name === "averageParams" ? [slot] : []));
  if (averages.length === 0) {
    throw new StateError("swapAverage() needs averageParams() in the chain, as in chain(adam(), averageParams())");
  }
  return averages;
}

/** Exchanges parameters and their average, where a rule keeps one. @throws StateError where none does */
export function swapAverage(program: Program, views: PlaneViews): void {
  for (const slot of averagesOf(program)) {
    views.leaves(slot).forEach((average, i) => {
      const params = views.leaves("params")[i]!;
      for (let k = 0; average && k < params.length; k += CHUNK) {
        const kept = params.slice(k, k + CHUNK);
        params.set(average.subarray(k, k + CHUNK), k);
        average.set(kept, k);
      }
    });
  }
}
