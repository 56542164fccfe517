import type { Program } from "../program/program.ts";
import type { Host } from "../program/values.ts";

/** Leaves that meet the same rules; rules by their index in the chain. */
export interface CountedGroup {
  readonly rules: readonly number[];
  /** Of each of these: whose count it goes by, 0 or 1 + the index of a gate. */
  readonly scopes: readonly number[];
  /** Of each of these: what the count was when its state began. */
  readonly births: readonly number[];
}

/** The groups that are not frozen. */
export const countedGroups = ({ groups, births }: Program, host: Host): CountedGroup[] =>
  groups.map(({ rules, scopes }, group) => {
    const indices = rules.map(({ index }) => index);
    return { rules: indices, scopes, births: indices.map((index) => host.births[births[group]!]![index]!) };
  });

/** What rules go by for leaves, by address and path. */
export interface Ages {
  /** How often each gate let a step through, by address. */
  readonly gates: ReadonlyMap<string, number>;
  /** The count that a rule goes by for a leaf; undefined if the leaf does not meet it. */
  countOf(address: string, path: string): number | undefined;
  /** Updates that the state of a rule for a leaf has seen. */
  ageOf(address: string, path: string): number;
}

/**
 * @param addresses of the rules, by index
 * @param counts of all steps, and then of each gate by its index
 * @param groupOf by path; other numbers than those of groups are frozen
 */
export function agesOf(
  addresses: readonly string[],
  counts: readonly number[],
  groups: readonly CountedGroup[],
  groupOf: ReadonlyMap<string, number>,
): Ages {
  const indices = new Map(addresses.map((address, index) => [address, index]));
  /** Count and birth. */
  const find = (address: string, path: string) => {
    const group = groups[groupOf.get(path) ?? -1];
    const local = group?.rules.indexOf(indices.get(address) ?? -1) ?? -1;
    return group && local >= 0 ? { count: counts[group.scopes[local]!]!, birth: group.births[local]! } : undefined;
  };
  return {
    gates: new Map(addresses.map((address, index) => [address, counts[1 + index]!])),
    countOf: (address, path) => find(address, path)?.count,
    ageOf(address, path) {
      const found = find(address, path);
      return found ? found.count - found.birth : 0;
    },
  };
}
