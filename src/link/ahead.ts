// The loops that a chain may want, before it meets a tree.

import { signaturesOf } from "../backends/wasm/engine.js";
import { type PlacedRule, placeRules } from "../program/chain.js";
import { compile } from "../program/compile.js";
import { indexSlots, slotsOf } from "../program/program.js";
import type { BoundRule } from "../updates/rule.js";
import { signatureOf } from "./signature.js";

/**
 * The signatures of every loop that `step()`, `update()`, `apply()` and `stats()` may run, whatever the tree: labels and
 * masks are taken in every combination.
 */
export function loopsOfRules(rules: readonly BoundRule[]): string[] {
  const chain = placeRules(rules);
  const slots = indexSlots(slotsOf(chain));
  const live = sequences(chain.rules).filter((met) => met.every(({ rule }) => rule.kind !== "freeze"));
  const groups = live.map((met) => compile(met, slots));
  const loops = (["apply", "emit"] as const).flatMap((sink) => groups.flatMap((group) => signaturesOf(group, sink)));
  return [...new Set([signatureOf([], "apply"), ...loops])].sort();
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
