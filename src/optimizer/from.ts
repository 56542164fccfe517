import { paramName, type Source, stateName } from "./carry.js";
import { copyPlain } from "./custom.js";
import type { Optimizer } from "./optimizer.js";

/** What another optimizer has, to be taken over. @throws DisposedError or StateError if it cannot be read now */
export function sourceOf(optimizer: Optimizer): Source {
  const { program, host, views, ready } = optimizer.internals;
  ready("init");
  const { layout, chain, slots, groups, births } = program;
  const tensors = new Map<string, { shape: readonly number[]; data: ArrayLike<number> }>();
  layout.leaves.forEach(({ path, shape }, i) => {
    tensors.set(paramName(path), { shape, data: views.leaves("params")[i]! });
    slots.forEach(({ rule, name }, slot) => {
      const data = views.leaves(slot)[i];
      if (data) tensors.set(stateName(chain.all[rule]!.address, name, path), { shape, data });
    });
  });
  const leaves = new Map(layout.leaves.map((leaf) => [leaf.path, leaf] as const));
  /** Of a leaf: its group, and where a rule stands among those of the group. */
  const find = (address: string, path: string) => {
    const { group } = leaves.get(path) ?? { group: -1 };
    const rules = groups[group]?.rules ?? [];
    return { group, local: rules.findIndex((rule) => rule.address === address) };
  };
  const countOf = (address: string, path: string) => {
    const { group, local } = find(address, path);
    return local < 0 ? undefined : host.counts[groups[group]!.scopes[local]!]!;
  };
  return {
    count: host.count,
    steps: host.counts[0]!,
    rules: new Map(
      chain.all.map(({ address, index }) => [
        address,
        { memory: host.memories[index]!, custom: copyPlain(host.custom[index]) },
      ]),
    ),
    gates: new Map(chain.all.map(({ address, index }) => [address, host.counts[1 + index]!])),
    tensors,
    countOf,
    ageOf(address, path) {
      const { group, local } = find(address, path);
      if (local < 0) return 0;
      return countOf(address, path)! - host.births[births[group]!]![groups[group]!.rules[local]!.index]!;
    },
    options: [],
    metadata: {},
  };
}
