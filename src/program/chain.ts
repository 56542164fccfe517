// A chain's rules in their places: numbered, named, and for each leaf those that it meets.

import type { BoundRule, LabelledLeaf, PartitionRule } from "../updates/rule.ts";

/** A rule in its place in a chain. */
export interface PlacedRule extends BoundRule {
  /** Counted through all groups, depth first. */
  readonly index: number;
  /** Its name in checkpoints: `scaleByAdam`, `scaleByAdam#2` for the second of that name, `partition/head/trace`. */
  readonly address: string;
  /** Of a partition, by label. */
  readonly groups: ReadonlyMap<string, readonly PlacedRule[]>;
}

export interface Chain {
  readonly rules: readonly PlacedRule[];
  /** Those of groups among them, by index. */
  readonly all: readonly PlacedRule[];
}

export function placeRules(rules: readonly BoundRule[]): Chain {
  const all: PlacedRule[] = [];
  const place = (bound: readonly BoundRule[], prefix: string): PlacedRule[] => {
    const seen = new Map<string, number>();
    return bound.map(({ rule, options }) => {
      const nth = (seen.get(rule.name) ?? 0) + 1;
      seen.set(rule.name, nth);
      const address = prefix + rule.name + (nth > 1 ? `#${nth}` : "");
      const groups = new Map<string, PlacedRule[]>();
      const placed = { rule, options, index: all.length, address, groups };
      all.push(placed);
      if (rule.kind === "partition") {
        for (const [label, inner] of rule.groups) groups.set(label, place(inner, `${address}/${escapeLabel(label)}/`));
      }
      return placed;
    });
  };
  return { rules: place(rules, ""), all };
}

/** As in a path: `/` stands between parts only. */
const escapeLabel = (label: string): string => label.replace(/~/g, "~0").replace(/\//g, "~1");

/** The rules that a leaf meets, in order. @throws TypeError for a label that names no group */
export function rulesFor(leaf: LabelledLeaf, rules: readonly PlacedRule[]): PlacedRule[] {
  return rules.flatMap((placed) => {
    if (placed.rule.kind !== "partition") return [placed];
    return rulesFor(leaf, placed.groups.get((placed.rule as PartitionRule).labelOf(leaf))!);
  });
}
