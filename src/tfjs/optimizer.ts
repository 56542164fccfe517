import {
  dispose,
  type NamedTensorMap,
  Optimizer,
  type Scalar,
  serialization,
  type Variable,
} from "@tensorflow/tfjs-core";
import type { InitOptions } from "../backends/choose.ts";
import type { SaveOptions } from "../checkpoint/save.ts";
import { DisposedError } from "../errors.ts";
import type { Stats } from "../optimizer/stats.ts";
import { flag, object, option, readOptions } from "../options.ts";
import { isPlainObject, show } from "../show.ts";
import { requireUpdate, type Update } from "../update.ts";
import type { BoundRule, Told } from "../updates/rule.ts";
import { readGradients, requireVariables } from "./arguments.ts";
import { packFiles, unpackFiles } from "./file.ts";
import { nameOf, updateNamed } from "./registry.ts";
import { Sets } from "./sets.ts";
import { filesOf, type NamedTensor, weightsOf } from "./weights.ts";

/** Options of {@link LanestepOptimizer}. */
export interface LanestepOptions {
  /**
   * `wasm`, `reference` or `webgpu`. Without it `webgpu` on TensorFlow.js's own device where that is its backend; elsewhere
   * `wasm` where the engine has WebAssembly SIMD, else `reference`, with a warning.
   */
  readonly backend?: "wasm" | "reference" | "webgpu" | undefined;
  /** Whether to keep the updates of each step, for `stats()`. */
  readonly stats?: boolean | undefined;
  /** Those of `init`, for engines that compile nothing at run time. */
  readonly module?: InitOptions["module"];
  readonly kernels?: InitOptions["kernels"];
}

const compiled = object("a WebAssembly.Module");

const spec = {
  backend: option<LanestepOptions["backend"]>(
    undefined,
    '"webgpu", "wasm" or "reference"',
    (value): value is LanestepOptions["backend"] =>
      value === undefined || value === "wasm" || value === "reference" || value === "webgpu",
  ),
  stats: flag(false),
  module: compiled,
  kernels: compiled,
};

const loadSpec = {
  variables: option<readonly Variable[]>([], "a list of variables", (value): value is readonly Variable[] =>
    Array.isArray(value),
  ),
  strict: flag(true),
};

const saveSpec = {
  metadata: option<Readonly<Record<string, string>>>(
    {},
    "an object of strings",
    (value): value is Record<string, string> => isPlainObject(value),
  ),
};

/** Options of {@link LanestepOptimizer.load}. */
export interface LoadVariablesOptions {
  /** Variables to be given the saved parameters; without it state and counts alone are taken. */
  readonly variables?: readonly Variable[] | undefined;
  /** Whether state that the file lacks, or that the chain has none of, is refused. */
  readonly strict?: boolean | undefined;
}

/**
 * An optimizer of TensorFlow.js whose steps are an update of lanestep.
 *
 * It goes where `tf.train.adam()` goes: `model.compile({ optimizer })`, `optimizer.minimize(f)`, `applyGradients`. Leaves
 * of the update are the variables, by their names split at "/": `dense_Dense1/kernel`.
 *
 * ```js
 * import * as tf from "@tensorflow/tfjs";
 * import { adamw } from "lanestep";
 * import { LanestepOptimizer } from "lanestep/tfjs";
 *
 * const optimizer = new LanestepOptimizer(adamw({ learningRate: 1e-3, decay: 0.01 }));
 * model.compile({ optimizer, loss: "categoricalCrossentropy" });
 * ```
 */
export class LanestepOptimizer extends Optimizer {
  /** @nocollapse */
  static readonly className: string = "LanestepOptimizer";
  /** The chain that it steps with. */
  readonly update: Update;
  readonly #options: LanestepOptions;
  readonly #wantsValue: boolean;
  /** Null after `dispose()`. */
  #sets: Sets | null;
  /** What getWeights gave out, until it does again. */
  #weights: NamedTensor[] = [];

  /**
   * @param update an update, such as `adamw()` or a chain of your own
   * @param options `backend`, `stats`, `module` and `kernels` are those of `init`
   * @throws TypeError for what is no update, and for an unknown option
   */
  constructor(update: Update, options: LanestepOptions = {}) {
    super();
    requireUpdate(update, "LanestepOptimizer: its first argument");
    this.#options = readOptions("LanestepOptimizer", options, spec, "update, ");
    this.update = update;
    this.#wantsValue = wantsValue(update.rules);
    this.#sets = new Sets(update, this.#options);
  }

  /** As that of `tf.Optimizer`; a `reduceOnPlateau` in the chain is told the loss, which is read back for it. */
  override minimize(f: () => Scalar, returnCost = false, varList?: Variable[]): Scalar | null {
    const { value, grads } = this.computeGradients(f, varList);
    try {
      this.applyGradients(grads, this.#wantsValue ? { value: value.dataSync()[0]! } : undefined);
    } catch (error) {
      value.dispose();
      throw error;
    } finally {
      dispose(grads);
    }
    if (returnCost) return value;
    value.dispose();
    return null;
  }

  /**
   * One step of the variables that have a gradient. All others stay as they are, and so does their state.
   *
   * @param gradients by name of the variable, or a list with names; null for none
   * @param told `value`: the loss, for `reduceOnPlateau`
   * @throws TypeError for a name that no variable has, for one that is not trainable or not float32, for a gradient of
   *   another shape; what `step` of a lanestep optimizer throws. No variable has changed then
   */
  applyGradients(gradients: NamedTensorMap | NamedTensor[], told?: Told): void {
    const sets = this.#living();
    sets.ready("applyGradients");
    const { variables, grads } = readGradients(gradients);
    if (variables.length > 0) sets.of(variables).step(variables, grads, told);
    this.incrementIterations();
  }

  /** What the last step was like, of the variables that it had: see `stats` of a lanestep optimizer; null before the first. */
  stats(): Stats | Promise<Stats> | null {
    return this.#living().last?.stepper.stats() ?? null;
  }

  /**
   * Exchanges variables with their average, as `averageParams` in the chain keeps it; called again it puts them back, bit
   * for bit. In between there are no steps.
   *
   * @throws StateError if no rule averages
   */
  swapAverage(): void {
    this.#living().swapAverage();
  }

  /**
   * State and counts as tensors, for `model.save(…, { includeOptimizer: true })`. They stay as they are, and are disposed
   * of when this is called again, and with the optimizer: clone those that are to live longer.
   */
  override async getWeights(): Promise<NamedTensor[]> {
    const files = await this.#living().save();
    dispose(this.#weights.map(({ tensor }) => tensor));
    this.#weights = [await this.saveIterations(), ...weightsOf(files)];
    return this.#weights;
  }

  /**
   * Takes what `getWeights` gave: the next step goes on bit for bit. Variables are found by their names when they come; where
   * a name was counted (`dense_Dense4/kernel`), by its place among others of the kind.
   *
   * @throws CheckpointError for the weights of another optimizer, or of another chain
   */
  override async setWeights(weights: NamedTensor[]): Promise<void> {
    if (!Array.isArray(weights))
      throw new TypeError(`setWeights: its argument is ${show(weights)}, expected a list of { name, tensor }`);
    const iter = weights.find(({ name }) => name === "iter");
    const iterations = iter ? (await iter.tensor.data())[0]! : 0;
    this.#replace(await this.#restore("setWeights", await filesOf(weights), true), iterations);
  }

  /**
   * A file of variables, state and counts: a checkpoint of lanestep, which `update.restore` reads too; of variables that
   * step apart a file with several.
   *
   * @param options `metadata`: strings of your own to keep with it
   */
  async save(options: SaveOptions = {}): Promise<Uint8Array<ArrayBuffer>> {
    const { metadata: own } = readOptions("save", options, saveSpec);
    if (Object.hasOwn(own, "iterations")) {
      throw new TypeError("save: metadata.iterations is a name of the format's own");
    }
    const metadata = { ...own, iterations: String(this.iterations) };
    const files = await this.#living().save({ metadata });
    if (files.length === 1) return files[0]!;
    return packFiles(files, metadata);
  }

  /**
   * Takes a file of `save()`: the next step goes on bit for bit.
   *
   * @param options `variables`: those that are to have the saved parameters; without it variables stay what they are.
   *   `strict`, true: with false what fits is taken, and the rest begins anew
   * @returns what `save({ metadata })` was given
   * @throws CheckpointError for a damaged file, another chain, or a variable that the file lacks; TreeMismatchError for one
   *   of another shape
   */
  async load(
    bytes: Uint8Array | ArrayBuffer,
    options: LoadVariablesOptions = {},
  ): Promise<Readonly<Record<string, string>>> {
    const { variables, strict } = readOptions("load", options, loadSpec, "bytes, ");
    requireVariables(variables);
    const { files, metadata } = unpackFiles(bytes);
    const sets = await this.#restore("load", files, strict);
    sets.give(variables);
    const { iterations = "0", format, chain, host, tree, ...own } = metadata;
    this.#replace(sets, Number(iterations));
    return own;
  }

  /** Lets go of all memory; variables keep their values. */
  override dispose(): void {
    this.#sets?.dispose();
    this.#sets = null;
    dispose(this.#weights.map(({ tensor }) => tensor));
    this.#weights = [];
  }

  /** @throws Error for an update without a name: see {@link registerUpdate} */
  getConfig(): serialization.ConfigDict {
    const name = nameOf(this.update);
    if (name === undefined) {
      throw new Error(
        'an update cannot be saved, only its name: call registerUpdate("a name", update) before this, and again before the model is loaded',
      );
    }
    const { backend, stats } = this.#options;
    return { name, stats: stats ?? false, ...(backend && { backend }) };
  }

  /** @nocollapse @throws Error where no update of the name is registered */
  static override fromConfig<T extends serialization.Serializable>(
    cls: serialization.SerializableConstructor<T>,
    config: serialization.ConfigDict,
  ): T {
    const { name, backend, stats } = config;
    const update = updateNamed(String(name));
    if (!update) {
      throw new Error(
        `the model was saved with the update ${show(name)}, which has to be there before it is loaded: registerUpdate(${show(name)}, update)`,
      );
    }
    return new cls(update, { ...(backend ? { backend } : {}), stats: stats === true });
  }

  async #restore(caller: string, files: readonly (Uint8Array | ArrayBuffer)[], strict: boolean): Promise<Sets> {
    this.#living().ready(caller);
    const { backend, ...options } = this.#options;
    // Where they wait for their variables: on the host.
    const host = { ...options, strict, ...(backend === "reference" ? { backend } : {}) };
    const optimizers = files.map((file) => this.update.restore(file, undefined, host));
    return new Sets(this.update, this.#options, strict, await Promise.all(optimizers));
  }

  #replace(sets: Sets, iterations: number): void {
    this.#living().dispose();
    this.#sets = sets;
    this.iterations_ = iterations;
  }

  #living(): Sets {
    if (!this.#sets) throw new DisposedError("this optimizer was disposed of: make another");
    return this.#sets;
  }
}

const wantsValue = (rules: readonly BoundRule[]): boolean =>
  rules.some(
    ({ rule }) =>
      rule.name === "reduceOnPlateau" || (rule.kind === "partition" && [...rule.groups.values()].some(wantsValue)),
  );

serialization.registerClass(LanestepOptimizer);
