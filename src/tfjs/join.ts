import type { Readable } from "../optimizer/from.ts";
import { Optimizer } from "../optimizer/optimizer.ts";
import type { Parts } from "../optimizer/parts.ts";
import { type LayoutLeaf, readTree } from "../tree/layout.ts";
import { keyOf, type Path, treeOf } from "./names.ts";

/** What has an optimizer's planes, on the host or on a device. */
export interface Donated {
  readonly internals: Readable<unknown>;
}

/** An optimizer, and which of its parameters are meant, by {@link keyOf} their paths in it: where they are to stand. */
export interface Donor {
  readonly optimizer: Donated;
  readonly paths: ReadonlyMap<string, Path>;
}

/**
 * What several optimizers of one update have, as one optimizer: to be read by `init(…, { from })` and `save()`, not to be
 * stepped. Parameters keep their ages; counts, and what rules remember, are those of the optimizer that is furthest.
 */
export function join(donors: readonly Donor[]): Optimizer {
  const parts = donors.map(({ optimizer }) => optimizer.internals);
  for (const { ready } of parts) ready("init");
  const first = parts.reduce((best, one) => (one.host.count > best.host.count ? one : best));
  const counts = first.host.counts.map((_, scope) => Math.max(...parts.map(({ host }) => host.counts[scope]!)));
  const groups = parts.flatMap(({ program }) => program.groups);
  const births = parts.flatMap(({ program, host }) =>
    program.groups.map(({ rules, scopes }, group) => {
      const born = [...host.births[program.births[group]!]!];
      rules.forEach(({ index }, i) => {
        const age = host.counts[scopes[i]!]! - born[index]!;
        born[index] = counts[scopes[i]!]! - age;
      });
      return born;
    }),
  );

  const taken = new Map<string, { readonly leaf: LayoutLeaf; readonly donor: number; readonly path: Path }>();
  donors.forEach(({ paths }, donor) => {
    for (const leaf of parts[donor]!.program.layout.leaves) {
      const path = paths.get(keyOf(leaf.keys as Path));
      if (path) taken.set(keyOf(path), { leaf, donor, path });
    }
  });
  const all = [...taken.values()];
  const { tree } = readTree(
    treeOf(
      all.map(({ path }) => path),
      (i) => ({ shape: all[i]!.leaf.shape }),
    ),
    "params",
  );
  const from = tree.leaves.map(({ keys }) => taken.get(keyOf(keys as Path))!);
  const before = parts.map((_, donor) =>
    parts.slice(0, donor).reduce((n, { program }) => n + program.groups.length, 0),
  );
  const leaves = tree.leaves.map((leaf, i) => {
    const { leaf: own, donor } = from[i]!;
    const isFrozen = own.group >= parts[donor]!.program.groups.length;
    return { ...leaf, kind: own.kind, group: isFrozen ? groups.length : before[donor]! + own.group };
  });
  const { chain, slots } = first.program;
  const read = {
    program: { chain, slots, groups, births: groups.map((_, group) => group), layout: { ...tree, leaves } },
    host: { ...first.host, counts, births },
    views: { leaves: (id: number) => from.map(({ leaf, donor }) => parts[donor]!.views.leaves(id)[leaf.index]!) },
    engine: first.engine,
  };
  return new Optimizer(read as unknown as Parts, null);
}
