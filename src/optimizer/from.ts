import { agesOf, countedGroups } from "./ages.ts";
import { paramName, type Source, stateName } from "./carry.ts";
import { copyPlain } from "./custom.ts";
import type { OptimizerParts } from "./optimizer.ts";

/** What another optimizer has, to be taken over. */
export function sourceOf({ program, host, views }: Pick<OptimizerParts, "program" | "host" | "views">): Source {
  const { layout, chain, slots } = program;
  const tensors = new Map<string, { shape: readonly number[]; data: ArrayLike<number> }>();
  layout.leaves.forEach(({ path, shape }, i) => {
    tensors.set(paramName(path), { shape, data: views.leaves("params")[i]! });
    slots.forEach(({ rule, name }, slot) => {
      const data = views.leaves(slot)[i];
      if (data) tensors.set(stateName(chain.all[rule]!.address, name, path), { shape, data });
    });
  });
  const groupOf = new Map(layout.leaves.map(({ path, group }) => [path, group]));
  const addresses = chain.all.map(({ address }) => address);
  return {
    count: host.count,
    steps: host.counts[0]!,
    rules: new Map(
      chain.all.map(({ address, index }) => [
        address,
        { memory: host.memories[index]!, custom: copyPlain(host.custom[index]) },
      ]),
    ),
    ...agesOf(addresses, host.counts, countedGroups(program, host), groupOf),
    tensors,
    options: [],
    metadata: {},
  };
}
