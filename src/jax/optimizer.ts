import type { Array as JaxArray } from "@jax-js/jax";
import type { InitOptions } from "../backends/choose.ts";
import type { Optimizer } from "../optimizer/optimizer.ts";
import { isFrozen } from "../optimizer/views.ts";
import type { ShapedLeaf } from "../tree/leaf.ts";
import { requireUpdate, type Update } from "../update.ts";
import type { Told } from "../updates/rule.ts";
import { Arena, arraysOf, type Matched, readParams } from "./arena.ts";
import { consume, makeArray, type Pytree, read, readSync, requireOwned, type Values } from "./pytree.ts";

/**
 * An update that has met a model of jax-js, and holds its parameters: each step takes gradients and gives parameters. It
 * keeps the ownership rules of jax-js: `step` consumes the gradients, and what it returns is the caller's, one reference
 * each. The parameters of the step before are consumed by whatever computes the gradients.
 *
 * @example
 * ```js
 * let params = { w: np.array([1, 2]), b: np.array(0.5) };
 * const lossAndGrad = valueAndGrad((p) => np.square(p.w).sum().add(np.square(p.b)));
 * const optimizer = await JaxOptimizer.init(adamw({ learningRate: 0.1 }), tree.ref(params));
 * for (let i = 0; i < 10; i++) {
 *   const [loss, grads] = lossAndGrad(params); // consumes the parameters
 *   params = optimizer.step(grads); // consumes the gradients
 *   loss.dispose();
 * }
 * optimizer.inner.count; // => 10
 * ```
 */
export class JaxOptimizer<T> {
  /** The optimizer that does the work: `count`, `stats()`, `save()`, `load()`, `swapAverage()`, `state`. */
  readonly inner: Optimizer<Shaped<T>>;
  readonly #arena: Arena;
  /** Arrays of leaves that no step changes, so that they are not copied in each. */
  readonly #frozen = new Map<number, JaxArray>();

  private constructor(arena: Arena) {
    if (!(arena instanceof Arena)) throw new TypeError("await JaxOptimizer.init(update, params) makes one, not new");
    this.#arena = arena;
    this.inner = arena.inner as JaxOptimizer<T>["inner"];
  }

  /**
   * Copies parameters into an arena, and consumes them (`tree.ref(params)` keeps them).
   *
   * @param update an update
   * @param params a pytree of float32 arrays, on any device
   * @param options those of lanestep's `init`
   * @throws TypeError with the path for a leaf that is no float32 array; ReferenceError for one that was freed; what
   *   {@link Update.init} throws: nothing is consumed then
   */
  static async init<T extends Pytree>(update: Update, params: T, options: InitOptions = {}): Promise<JaxOptimizer<T>> {
    requireUpdate(update, "JaxOptimizer.init: argument 1");
    const given = readParams(params);
    const values = await read(arraysOf(given.leaves));
    requireOwned({ params: given.leaves }); // which may have been consumed meanwhile
    const arena = Arena.start(update, given, values, options);
    consume(given.leaves);
    return new JaxOptimizer<T>(arena);
  }

  /** {@link JaxOptimizer.init} without a promise: it blocks until the parameters are computed. */
  static initSync<T extends Pytree>(update: Update, params: T, options: InitOptions = {}): JaxOptimizer<T> {
    requireUpdate(update, "JaxOptimizer.initSync: argument 1");
    const given = readParams(params);
    const arena = Arena.start(update, given, readSync(arraysOf(given.leaves)), options);
    consume(given.leaves);
    return new JaxOptimizer<T>(arena);
  }

  /** The parameters in fresh arrays: after `inner.load()`, `inner.swapAverage()`, or once the last ones were consumed. */
  params(): T {
    this.#forget();
    return this.#fresh();
  }

  /**
   * One step. It blocks until the gradients are computed, as `dataSync()` does.
   *
   * @param grads a pytree of the parameters' form, consumed; frozen leaves may be absent or null
   * @param told `{ value: loss }`, a number, for `reduceOnPlateau`
   * @returns the parameters, in fresh arrays; those of frozen leaves are the same array each time, with a reference more
   * @throws TreeMismatchError for another form; TypeError for a leaf that is no float32 array; ReferenceError for one that
   *   was freed; what lanestep's `step` throws: nothing is consumed then
   */
  step(grads: Grads<T>, told?: Told): T {
    const matched = this.#match(grads);
    return this.#finish(matched, readSync(matched.arrays), told);
  }

  /** The same without blocking, as `data()` does: on `webgpu`, and wherever kernels run in workers. */
  async stepAsync(grads: Grads<T>, told?: Told): Promise<T> {
    const matched = this.#match(grads);
    const values = await read(matched.arrays);
    requireOwned({ grads: matched.leaves }); // which may have been consumed meanwhile
    return this.#finish(matched, values, told);
  }

  /** Lets go of the arena. Arrays that were given out stay valid. */
  dispose(): void {
    this.#forget();
    this.inner.dispose();
  }

  /** For `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #match(grads: unknown): Matched {
    const matched = this.#arena.matchGrads(grads);
    requireOwned({ grads: matched.leaves });
    return matched;
  }

  #finish({ leaves }: Matched, values: Values, told: Told | undefined): T {
    this.#arena.inner.step(this.#arena.plain(values), told);
    consume(leaves);
    return this.#fresh();
  }

  #fresh(): T {
    const { program, views } = this.#arena.inner.internals;
    const params = views.leaves("params");
    return this.#arena.pytree((leaf, device) => {
      const kept = this.#frozen.get(leaf.index);
      if (kept && kept.refCount > 0) return kept.ref; // a caller may have used it once too often
      const array = makeArray(params[leaf.index]!, leaf, device);
      if (!isFrozen(program, leaf)) return array;
      this.#frozen.set(leaf.index, array);
      return array.ref;
    }) as T;
  }

  #forget(): void {
    for (const array of this.#frozen.values()) if (array.refCount > 0) array.dispose();
    this.#frozen.clear();
  }
}

/** Gradients for parameters `T`: frozen leaves may be absent or null. */
export type Grads<T> = T extends JaxArray ? T : { readonly [Key in keyof T]?: Grads<T[Key]> | null };

/** The tree that lanestep's optimizer has: leaves with their shapes. */
export type Shaped<T> = T extends JaxArray ? ShapedLeaf : { readonly [Key in keyof T]: Shaped<T[Key]> };
