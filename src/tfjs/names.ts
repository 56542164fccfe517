// Names of variables as paths of a tree: "dense/kernel" is { dense: { kernel } }.

/** Where each name stands in a tree. A name that ends where another goes on ("a" and "a/b") keeps its slashes. */
export function keysOf(names: readonly string[]): string[][] {
  const whole = new Set(names);
  return names.map((name) => {
    const keys = name.split("/");
    const isBelow = keys.some((_, i) => i > 0 && whole.has(keys.slice(0, i).join("/")));
    return isBelow ? [name] : keys;
  });
}

/** Without a prototype, "__proto__" is a key as any other. */
export type Node = { [key: string]: unknown };

/** A tree with a leaf for each path. */
export function treeOf(keys: readonly (readonly string[])[], leafAt: (index: number) => unknown): Node {
  const root: Node = Object.create(null);
  keys.forEach((path, index) => {
    let node = root;
    for (const key of path.slice(0, -1)) {
      node[key] ??= Object.create(null);
      node = node[key] as Node;
    }
    node[path.at(-1)!] = leafAt(index);
  });
  return root;
}

/** What stands at a path; undefined if there is nothing. */
export const childAt = (tree: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((node, key) => (node && Object.hasOwn(node, key) ? (node as Node)[key] : undefined), tree);
