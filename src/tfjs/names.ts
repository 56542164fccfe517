// Names of variables as paths of a tree: "dense/kernel" is { dense: { kernel } }.

/** The keys on the way to a leaf. */
export type Path = readonly string[];

/** For comparing paths. */
export const keyOf = (path: Path): string => path.join("\0");

/**
 * What tfjs-layers calls weights. Where a name was given before, to a model that was loaded twice or built again, it
 * appends a number: "head/kernel_1".
 */
const WEIGHTS =
  /^(.*\/(?:kernel|bias|(?:recurrent|depthwise|pointwise)_kernel|gamma|beta|moving_(?:mean|variance)|embeddings|alpha))_(\d+)$/;

/** A name without the number that makes it unique in a session, and that number. */
export function plainName(name: string): readonly [name: string, copy: number] {
  const [, plain, copy] = WEIGHTS.exec(name) ?? [];
  return plain === undefined ? [name, 0] : [plain, Number(copy)];
}

/** Gives names places in trees. A name keeps its place, and no other gets it. */
export class Paths {
  readonly #paths = new Map<string, Path>();
  /** Names by where they stand, and all places that something stands below. */
  readonly #leaves = new Map<string, string>();
  readonly #nodes = new Set<string>();

  /** Names that came together have the numbers behind them that they need to be told apart. */
  assign(names: readonly string[]): Path[] {
    const plain = names.map((name) => plainName(name)[0]);
    return names.map((name, i) => {
      const isAlone = plain.indexOf(plain[i]!) === plain.lastIndexOf(plain[i]!);
      return this.#paths.get(name) ?? this.#place(name, isAlone ? plain[i]! : name);
    });
  }

  /** Gives a name another place, if that is free. */
  move(name: string, path: Path): Path {
    if (!this.#isFree(path)) return this.#paths.get(name)!;
    this.release([name]);
    return this.#put(name, path);
  }

  /** Of variables that are gone. */
  release(names: readonly string[]): void {
    for (const name of names) {
      const path = this.#paths.get(name);
      if (path) this.#leaves.delete(keyOf(path));
      this.#paths.delete(name);
    }
  }

  /** The first that is free: a variable may be called "a" and another one "a/b". */
  #place(name: string, plain: string): Path {
    return this.#put(name, [plain.split("/"), name.split("/"), [`${name}/`]].find((keys) => this.#isFree(keys))!);
  }

  #put(name: string, path: Path): Path {
    this.#paths.set(name, path);
    this.#leaves.set(keyOf(path), name);
    for (let i = 1; i < path.length; i++) this.#nodes.add(keyOf(path.slice(0, i)));
    return path;
  }

  #isFree(path: Path): boolean {
    return !this.#nodes.has(keyOf(path)) && !path.some((_, i) => this.#leaves.has(keyOf(path.slice(0, i + 1))));
  }
}

/** Without a prototype, "__proto__" is a key as any other. */
type Node = { [key: string]: unknown };

/** A tree with a leaf for each path. */
export function treeOf(paths: readonly Path[], leafAt: (index: number) => unknown): Node {
  const root: Node = Object.create(null);
  paths.forEach((path, index) => {
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
export const childAt = (tree: unknown, path: Path): unknown =>
  path.reduce<unknown>((node, key) => (node && Object.hasOwn(node, key) ? (node as Node)[key] : undefined), tree);
