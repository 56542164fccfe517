// How trees are held against those of a file.

import { expectClose, largestOf } from "../close.ts";
import { type GoldenTree, leavesOf } from "./format.ts";

type Leaves = ReadonlyMap<string, ArrayLike<number>>;

/** Throws unless the two are the same. */
export function expectSame<Value extends string | number | boolean>(
  where: string,
  found: Value,
  expected: Value,
): void {
  if (found !== expected) throw new Error(`${where} is ${found}, expected ${expected}`);
}

/** Throws unless the leaves are the same, each within `tolerance` of its largest magnitude, or of that in `largest`. */
export function expectLeaves(
  found: Leaves,
  expected: GoldenTree,
  tolerance: number,
  where: string,
  largest?: ReadonlyMap<string, number>,
): void {
  const wanted = leavesOf(expected);
  expectSame(where, [...found.keys()].join(), [...wanted.keys()].join());
  for (const [path, values] of wanted) {
    expectClose(found.get(path)!, values, tolerance, `${where}${path}`, largest?.get(path));
  }
}

/**
 * The largest magnitudes of leaves over several trees. A parameter is the sum of all updates so far: where they cancel
 * it comes near zero, but their deviations stay. So a leaf of parameters is measured by the largest of these terms.
 */
export class Largest {
  readonly byPath = new Map<string, number>();

  add(...trees: readonly GoldenTree[]): this {
    for (const [path, values] of trees.flatMap((tree) => [...leavesOf(tree)])) {
      this.byPath.set(path, Math.max(this.byPath.get(path) ?? 0, largestOf(values)));
    }
    return this;
  }
}
