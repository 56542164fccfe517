// The loops that a chain may want, before it meets a tree.

import { signaturesOf } from "../backends/wasm/engine.ts";
import { type PlacedRule, placeRules } from "../program/chain.ts";
import { compile } from "../program/compile.ts";
import { indexSlots, slotsOf } from "../program/program.ts";
import type { BoundRule } from "../updates/rule.ts";
import { signatureOf } from "./signature.ts";

/** Twelve masks in a row have as many: some seconds and megabytes. */
const MOST_COMBINATIONS = 4096;

/**
 * The signatures of every loop that `step()`, `update()`, `apply()` and `stats()` may run, whatever the tree: labels and
 * masks are taken in every combination.
 *
 * @throws RangeError for more combinations than anybody would want
 */
export function loopsOfRules(rules: readonly BoundRule[]): string[] {
  const chain = placeRules(rules);
  const combinations = combinationsOf(chain.rules);
  if (combinations > MOST_COMBINATIONS) {
    throw new RangeError(
      `labels and masks can meet in ${combinations} combinations, of which at most ${MOST_COMBINATIONS} are linked ahead; one partition whose labels are the combinations in use has no others`,
    );
  }
  const slots = indexSlots(slotsOf(chain));
  const live = sequences(chain.rules).filter((met) => met.every(({ rule }) => rule.kind !== "freeze"));
  const groups = live.map((met) => compile(met, slots));
  const loops = (["apply", "emit"] as const).flatMap((sink) => groups.flatMap((group) => signaturesOf(group, sink)));
  return [...new Set([signatureOf([], "apply"), ...loops])].sort();
}

/** The number of {@link sequences}. */
function combinationsOf(rules: readonly PlacedRule[]): number {
  return rules.reduce((product, { rule, groups }) => {
    const of = rule.kind === "partition" ? [...groups.values()].map(combinationsOf) : [1];
    return product * of.reduce((sum, each) => sum + each, 0);
  }, 1);
}

/** Every sequence of rules that a leaf may meet. */
function sequences(rules: readonly PlacedRule[]): PlacedRule[][] {
  return rules.reduce<PlacedRule[][]>(
    (before, placed) => {
      const next = placed.rule.kind === "partition" ? [...placed.groups.values()].flatMap(sequences) : [[placed]];
      return before.flatMap((met) => next.map((more) => [...met, ...more]));
    },
    [[]],
  );
}
