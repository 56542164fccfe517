import { createEngine, type InitOptions, prepareEngine } from "./backends/choose.js";
import { Optimizer } from "./optimizer.js";
import { option, readOptions } from "./options.js";
import { compile, type Program } from "./program/program.js";
import { StepValues } from "./program/values.js";
import { show } from "./show.js";
import { type Layout, readTree } from "./tree/layout.js";
import type { FoundLeaf } from "./tree/leaf.js";
import type { BoundRule, Rule } from "./updates/rule.js";

/**
 * A rule, or a chain of rules, that transforms gradients. Immutable; knows no model until `init`.
 * Made by `scaleByAdam()` and its like, by optimizers such as `adamw()`, and by {@link chain}.
 */
export class Update {
  /** The rules in order, chains in chains flattened. */
  readonly rules: readonly BoundRule[];
  #program: Program | undefined;
  /** The last layout that was met: models of one form share it. */
  #layout: Layout | undefined;

  /** @internal */
  constructor(rules: readonly BoundRule[]) {
    this.rules = Object.freeze([...rules]);
  }

  /**
   * This update, then others: `scaleByAdam().pipe(scale(-0.1))` is `chain(scaleByAdam(), scale(-0.1))`.
   *
   * @throws TypeError for an argument that is no update
   */
  pipe(...updates: readonly Update[]): Update {
    return chain(this, ...updates);
  }

  /**
   * Makes an optimizer for a model: copies the parameters into an arena and starts the state.
   *
   * @param params a tree: nested plain objects and arrays; leaves are typed arrays of numbers, `{ data, shape }`,
   *   `{ shape }` (zeros) or bare numbers
   * @param options `backend`: "wasm" or "reference"; `module`: loops linked ahead of time, `kernels`: kernels compiled ahead,
   *   for engines that compile nothing at run time; `warn`: true
   * @throws TypeError with the path for a leaf that is not numbers; RangeError with the bytes of every plane for more
   *   than a memory holds; Error if `backend` is given and cannot run
   *
   * @example
   * ```ts
   * const optimizer = await adam().init({ dense: { kernel: { shape: [5, 3] }, bias: Float32Array.of(0, 0, 0) } });
   * optimizer.params.dense.kernel.length; // => 15
   * ```
   */
  async init<const T>(params: T, options: InitOptions = {}): Promise<Optimizer<T>> {
    const checked = readInitOptions(options);
    const tree = this.#read(params);
    await prepareEngine(this.#compiled(), checked);
    return this.#optimizer(tree, checked);
  }

  /** {@link init} without a promise, for class constructors: it compiles where it stands. */
  initSync<const T>(params: T, options: InitOptions = {}): Optimizer<T> {
    const checked = readInitOptions(options);
    return this.#optimizer(this.#read(params), checked);
  }

  #compiled(): Program {
    this.#program ??= compile(this.rules);
    return this.#program;
  }

  #read(params: unknown): { layout: Layout; found: readonly FoundLeaf[] } {
    const { layout, found } = readTree(params, "params");
    if (this.#layout?.form !== layout.form) this.#layout = layout;
    return { layout: this.#layout!, found };
  }

  #optimizer<T>(
    { layout, found }: { layout: Layout; found: readonly FoundLeaf[] },
    options: InitOptions,
  ): Optimizer<T> {
    const program = this.#compiled();
    const values = new StepValues(program);
    return new Optimizer<T>(program, layout, found, values, createEngine(program, layout, values, options));
  }
}

const compiled = option<object | undefined>(
  undefined,
  "a WebAssembly.Module",
  (value): value is object | undefined =>
    value === undefined || (typeof WebAssembly === "object" && value instanceof WebAssembly.Module),
);

const initSpec = {
  backend: option<"wasm" | "reference" | undefined>(
    undefined,
    '"wasm" or "reference"',
    (value) => value === undefined || value === "wasm" || value === "reference",
  ),
  module: compiled,
  kernels: compiled,
  warn: option<boolean>(true, "true or false", (value) => typeof value === "boolean"),
};

const readInitOptions = (options: InitOptions): InitOptions => readOptions("init", options, initSpec) as InitOptions;

/** An update of one rule, its options checked. */
export function updateOf(rule: Rule, options: object): Update {
  return new Update([{ rule, options: readOptions(rule.name, options, rule.options) }]);
}

/**
 * Puts updates in order; itself an update. Chains in a chain are flattened: `optimizer.state[i]` is rule i of all.
 *
 * @param updates any number; none at all is {@link identity}
 * @throws TypeError for an argument that is no update
 *
 * @example
 * ```ts
 * const update = chain(clipByGlobalNorm({ maxNorm: 1 }), adamw({ learningRate: 1e-3, decay: 0.01 }));
 * update.rules.map(({ rule }) => rule.name);
 * // => ["clipByGlobalNorm", "scaleByAdam", "addDecayedWeights", "scaleByLearningRate"]
 * ```
 */
export function chain(...updates: readonly Update[]): Update {
  updates.forEach((update, i) => {
    if (!(update instanceof Update)) {
      const mend = typeof update === "function" ? ": call it" : ", expected an update such as scaleByAdam()";
      throw new TypeError(`chain: argument ${i + 1} is ${show(update)}${mend}`);
    }
  });
  return new Update(updates.flatMap(({ rules }) => rules));
}

/**
 * First `a`, then `b`: {@link chain} of two.
 *
 * @throws TypeError for an argument that is no update
 */
export function compose(a: Update, b: Update, ...more: readonly Update[]): Update {
  return chain(a, b, ...more);
}

/** The update that changes nothing: an empty {@link chain}. */
export function identity(options: Record<never, never> = {}): Update {
  readOptions("identity", options, {});
  return chain();
}
