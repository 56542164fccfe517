import { createEngine, type InitOptions } from "./backends/choose.ts";
import type { GpuOptimizer } from "./backends/webgpu/optimizer.ts";
import type { AutoInitOptions, GpuInitOptions } from "./backends/webgpu/types.ts";
import { type Plan as CarryPlan, carry, planCarry, type Source } from "./optimizer/carry.ts";
import { copyPlain } from "./optimizer/custom.ts";
import { Optimizer } from "./optimizer/optimizer.ts";
import { Parts } from "./optimizer/parts.ts";
import { type Plan, planOf } from "./optimizer/plan.ts";
import { PlaneViews, writeLeaves } from "./optimizer/views.ts";
import { flag, object, option, readOptions } from "./options.ts";
import { type Chain, placeRules } from "./program/chain.ts";
import { groupLeaves, type Program, programOf } from "./program/program.ts";
import { type Host, newHost, StepValues } from "./program/values.ts";
import { show, tagOf } from "./show.ts";
import { readTree, type Tree } from "./tree/layout.ts";
import type { FoundLeaf } from "./tree/leaf.ts";
import type { BoundRule, Rule } from "./updates/rule.ts";

/** The chain and a tree, with what is taken over from another. */
interface Met {
  readonly program: Program;
  readonly source: Source | undefined;
  readonly plan: CarryPlan | undefined;
}

/**
 * A rule, or a chain of rules, that transforms gradients. Immutable; knows no model until `init`.
 * Made by `scaleByAdam()` and its like, by optimizers such as `adamw()`, and by {@link chain}.
 */
export class Update {
  /** The rules in order, chains in chains flattened. */
  readonly rules: readonly BoundRule[];
  #chain: Chain | undefined;
  /** The program of the last tree that was met: models of one form share it. */
  #program: { readonly key: string; readonly program: Program } | undefined;

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
   * With `from` it goes on where another optimizer stands, for a model that has changed (a new class, an adapter, other
   * frozen leaves): parameters of the same path and shape, their state, and the counts are taken over; what is new
   * begins at its own start, bias corrections too (and with no part in a sum that `accumulate` has begun).
   * `optimizer.carried` lists it; the other one stays as it was.
   *
   * @param params a tree: nested plain objects and arrays; leaves are typed arrays of numbers, `{ data, shape }`,
   *   `{ shape }` (zeros) or bare numbers
   * @param options `backend`: "wasm", "reference", "webgpu" or "auto", which measures whether a device is faster (see
   *   docs/webgpu.md); `from`: an optimizer; `stats`: whether to keep updates for `stats()`, false; `module`: loops linked
   *   ahead of time (`npx lanestep bake`, `lanestep/warmed.wasm`), `kernels`: kernels compiled ahead, for engines that
   *   compile nothing at run time; `warn`: true
   * @throws TypeError with the path for a leaf that is not numbers; RangeError with the bytes of every plane for more
   *   than a memory holds; Error if `backend` is given and cannot run, or if `module` or `kernels` was made for another
   *   chain or by another version
   *
   * @example
   * ```ts
   * const optimizer = await adam().init({ dense: { kernel: { shape: [5, 3] }, bias: Float32Array.of(0, 0, 0) } });
   * optimizer.params.dense.kernel.length; // => 15
   * ```
   */
  async init<const T>(params: T, options: GpuInitOptions<T>): Promise<GpuOptimizer<T>>;
  async init<const T>(params: T, options: AutoInitOptions): Promise<Optimizer<T> | GpuOptimizer<T>>;
  async init<const T>(params: T, options?: InitOptions): Promise<Optimizer<T>>;
  async init<const T>(
    params: T,
    options: InitOptions | GpuInitOptions<T> | AutoInitOptions = {},
  ): Promise<Optimizer<T> | GpuOptimizer<T>> {
    const checked = readInitOptions(options);
    const { tree, found } = readTree(params, "params");
    const { from } = checked;
    // Not waited for without need: parameters are copied at the call.
    const source = from && (from instanceof Optimizer ? from.source() : await from.source());
    return this.#start<T>(this.meet(tree, source), found, checked);
  }

  /** {@link init} without a promise, for class constructors. */
  initSync<const T>(params: T, options: InitOptions = {}): Optimizer<T> {
    const checked = readInitOptions(options);
    const { from } = checked;
    if (asksDevice(checked) || (from && !(from instanceof Optimizer))) {
      throw new TypeError("a device takes a promise: await init(…)");
    }
    const { tree, found } = readTree(params, "params");
    return this.#optimizer(this.meet(tree, from?.source()), found, checked as InitOptions);
  }

  /**
   * What `init(params)` would allocate and link, and what a step would run; nothing is allocated.
   *
   * @returns planes and totals in bytes, the passes of a step and the loops they take; `String(plan)` is a table
   * @throws as {@link init}, but for too much memory, which the plan shows
   *
   * @example
   * ```ts
   * const plan = adam().plan({ w: { shape: [1000, 1000] } });
   * plan.planes.map(({ name, bytes }) => `${name} ${bytes}`);
   * // => ["params 4000000", "grads 4000000", "scaleByAdam.mu 4000000", "scaleByAdam.nu 4000000"]
   * plan.loops; // => ["adam|scale|apply"]
   * ```
   */
  plan(params: unknown, options: Pick<InitOptions, "stats"> = {}): Plan {
    const { tree } = readTree(params, "params");
    return planOf(this.meet(tree).program, options.stats ?? false);
  }

  /**
   * Makes an optimizer from what `optimizer.save()` wrote: the next step goes on bit for bit as if there had been no stop.
   *
   * @param bytes a checkpoint
   * @param params a tree, if the model is not exactly that of the checkpoint: parameters of the same path and shape are
   *   taken from the checkpoint. Without it the saved tree is built again
   * @param options those of `init`, and `strict`: whether missing and unexpected names are refused, true; otherwise
   *   `optimizer.carried` lists them; `options`: "current" or "saved" options of rules, "current"
   * @throws CheckpointError for a damaged file, for another chain, and with `strict` for other names; TreeMismatchError for
   *   a parameter of the same path and another shape, always
   *
   * @example
   * ```ts
   * const update = adam({ learningRate: 0.1 });
   * const optimizer = await update.init({ w: Float32Array.of(1, 2) });
   * optimizer.step({ w: Float32Array.of(3, 4) });
   * const bytes = optimizer.save();
   * const again = await update.restore(bytes);
   * again.count; // => 1
   * ```
   */
  async restore<T = Record<string, unknown>>(
    bytes: Uint8Array | ArrayBuffer,
    params?: undefined,
    options?: RestoreOptions,
  ): Promise<Optimizer<T>>;
  async restore<const T extends object>(
    bytes: Uint8Array | ArrayBuffer,
    params: T,
    options?: RestoreOptions,
  ): Promise<Optimizer<T>>;
  async restore<T = Record<string, unknown>>(
    bytes: Uint8Array | ArrayBuffer,
    params: unknown,
    options: GpuRestoreOptions,
  ): Promise<GpuOptimizer<T>>;
  async restore<T = Record<string, unknown>>(
    bytes: Uint8Array | ArrayBuffer,
    params: unknown,
    options: AutoRestoreOptions,
  ): Promise<Optimizer<T> | GpuOptimizer<T>>;
  async restore<T>(
    bytes: Uint8Array | ArrayBuffer,
    params?: unknown,
    options: RestoreOptions | GpuRestoreOptions | AutoRestoreOptions = {},
  ): Promise<Optimizer<T> | GpuOptimizer<T>> {
    const { readRestore } = await import("./checkpoint/restore.ts");
    const { rules, read, source, checked, takeControls } = readRestore(this.rules, bytes, params ?? undefined, options);
    const update = rules === this.rules ? this : new Update(rules);
    const met = update.meet(read.tree, source);
    const optimizer = await update.#start<T>(met, read.found, checked);
    takeControls();
    return optimizer;
  }

  /** @internal What its rules make of a tree. */
  meet(tree: Tree, source?: Source): Met {
    this.#chain ??= placeRules(this.rules);
    const plan = source && planCarry(this.#chain, tree, source);
    const grouping = groupLeaves(this.#chain, tree, plan?.birthOf);
    const key = `${tree.form}${grouping.key}`;
    if (this.#program?.key !== key) this.#program = { key, program: programOf(tree, grouping) };
    return { program: this.#program.program, source, plan };
  }

  async #start<T>(
    met: Met,
    found: readonly FoundLeaf[],
    options: AnyInitOptions,
  ): Promise<Optimizer<T> | GpuOptimizer<T>> {
    const onHost = () => this.#optimizer<T>(met, found, options as InitOptions);
    if (!asksDevice(options)) return onHost();
    const { start } = await import("./backends/webgpu/webgpu.ts");
    return start(met, found, options, onHost);
  }

  #optimizer<T>({ program, source, plan }: Met, found: readonly FoundLeaf[], options: InitOptions): Optimizer<T> {
    const host = plan?.host ?? newHost(program.chain);
    const values = program.groups.map((group, g) => new StepValues(group, program.births[g]!, host));
    const engine = createEngine(program, values, options);
    // Views that are not kept: most optimizers of thousands are never asked for them.
    const views = new PlaneViews(program, engine);
    writeLeaves(views.leaves("params"), found);
    const carried = source ? carry(program, views, source) : null;
    beginState(program, views, host, source);
    return new Optimizer<T>(new Parts(program, engine, values, host, options.stats === true), carried);
  }
}

/** Options after they were read. */
export type AnyInitOptions = Omit<InitOptions, "backend"> & {
  readonly backend?: InitOptions["backend"] | "webgpu" | "auto";
  readonly device?: object | undefined;
  readonly buffers?: object | undefined;
  readonly crossover?: number | undefined;
};

function asksDevice({ backend, device, buffers }: AnyInitOptions): boolean {
  if (backend === undefined && (device || buffers))
    throw new TypeError('init: a device takes backend "webgpu" or "auto"');
  return backend === "webgpu" || backend === "auto";
}

/** What state begins with, where it begins with the parameters; planes that were carried, or not, have begun. */
function beginState(
  { slots, chain, custom }: Program,
  views: PlaneViews,
  host: Host,
  source: Source | undefined,
): void {
  slots.forEach(({ initial }, slot) => {
    if (initial !== "params" || source) return;
    views.leaves(slot).forEach((view, i) => {
      view?.set(views.leaves("params")[i]!);
    });
  });
  if (!custom) return;
  host.custom = chain.all.map(({ rule, index, address }) => {
    // Not where there is no state: a user's own may be null.
    const begins = rule.kind === "custom" && rule.init && !source?.rules.has(address);
    return begins ? copyPlain(rule.init(views.treeOf("params", index))) : host.custom[index];
  });
}

/** Options of `restore`. */
export interface RestoreOptions extends Omit<InitOptions, "from"> {
  /** Whether names that are missing or not expected are refused. */
  readonly strict?: boolean | undefined;
  /** Whether the options of rules are today's or the saved ones. */
  readonly options?: "current" | "saved" | undefined;
}

/** The same on a device. */
export type GpuRestoreOptions = Omit<GpuInitOptions, "buffers" | "from"> & Pick<RestoreOptions, "strict" | "options">;

/** The same where the faster of the two is taken. */
export type AutoRestoreOptions = Omit<AutoInitOptions, "from"> & Pick<RestoreOptions, "strict" | "options">;

const anObject = object("an object");

const compiled = option<object | undefined>(
  undefined,
  "a WebAssembly.Module",
  (value): value is object | undefined =>
    value === undefined || (Object(value) === value && tagOf(value as object) === "WebAssembly.Module"),
);

/** Of `init` and of `restore`. */
export const startSpec = {
  backend: option<AnyInitOptions["backend"]>(
    undefined,
    '"wasm", "webgpu", "auto" or "reference"',
    (value): value is AnyInitOptions["backend"] =>
      [undefined, "wasm", "webgpu", "auto", "reference"].includes(value as string),
  ),
  device: anObject,
  buffers: anObject,
  crossover: option<number | undefined>(
    undefined,
    "a number >= 0",
    (value): value is number | undefined => value === undefined || (typeof value === "number" && value >= 0),
  ),
  module: compiled,
  kernels: compiled,
  warn: flag(true),
  stats: flag(false),
};

const initSpec = {
  ...startSpec,
  from: option<object | undefined>(
    undefined,
    "an optimizer, such as that of await update.restore(bytes)",
    // One on a device can be read back; its class stands in a file that may never be loaded.
    (value): value is object | undefined => value === undefined || "source" in Object(value),
  ),
};

const readInitOptions = (options: object): AnyInitOptions => readOptions("init", options, initSpec) as AnyInitOptions;

/** An update of one rule, its options checked; `before`: arguments in front of them, as an error shows its use. */
export function updateOf(rule: Rule, options: object, before = ""): Update {
  return new Update([{ rule, options: readOptions(rule.name, options, rule.options, before) }]);
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
    requireUpdate(update, `chain: argument ${i + 1}`);
  });
  return new Update(updates.flatMap(({ rules }) => rules));
}

/** @throws TypeError if `given` is none */
export function requireUpdate(given: unknown, what: string): asserts given is Update {
  if (given instanceof Update) return;
  const shown = show(given);
  const mend =
    typeof given === "function"
      ? ": call it"
      : shown.endsWith(" Update")
        ? " of another copy of lanestep: use one"
        : ", expected an update such as scaleByAdam()";
  throw new TypeError(`${what} is ${shown}${mend}`);
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
