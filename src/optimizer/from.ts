import type { BackendInfo } from "../backends/backend.ts";
import type { Program } from "../program/program.ts";
import type { Host } from "../program/values.ts";
import { agesOf, countedGroups } from "./ages.ts";
import { type Leaves, paramName, type Source, stateName } from "./carry.ts";
import { copyPlain } from "./custom.ts";

/** What is read of an optimizer that another one goes on from, wherever its planes are. */
export interface Readable<Data> {
  readonly program: Program;
  readonly host: Host;
  readonly views: Leaves<Data>;
  readonly engine: { readonly backend: BackendInfo };
  /** @throws StateError or DisposedError if it cannot be read now */
  ready(caller: string): void;
}

/** What another optimizer has, to be taken over. */
export function sourceOf<Data>({
  program,
  host,
  views,
}: Pick<Readable<Data>, "program" | "host" | "views">): Source<Data> {
  const { layout, chain, slots } = program;
  const tensors = new Map<string, { shape: readonly number[]; data: Data }>();
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
