import { getBackend, type Variable } from "@tensorflow/tfjs-core";
import type { SaveOptions } from "../checkpoint/save.ts";
import { CheckpointError, StateError } from "../errors.ts";
import type { Optimizer } from "../optimizer/optimizer.ts";
import type { Update } from "../update.ts";
import { DeviceStepper, isOnDevice } from "./device.ts";
import { HostStepper } from "./host.ts";
import { type Donated, type Donor, join } from "./join.ts";
import { isCounted, match } from "./match.ts";
import { keyOf, type Path, Paths, treeOf } from "./names.ts";
import type { LanestepOptions } from "./optimizer.ts";
import type { Stepper } from "./stepper.ts";
import { VariableSet } from "./variable-set.ts";

/** What was restored, and which of it still waits for its variables. */
interface Saved {
  readonly optimizer: Optimizer;
  readonly left: Map<string, Path>;
}

/**
 * Variables by the sets that step together. When variables come that were no set before, they become one, and take over
 * what is known of them: from other sets, which they leave, and from what was restored.
 */
export class Sets {
  readonly #update: Update;
  readonly #options: LanestepOptions;
  readonly #strict: boolean;
  readonly #paths = new Paths();
  /** The one of the last step first. */
  #sets: VariableSet[] = [];
  #saved: Saved[];
  #isAveraged = false;

  /**
   * @param strict whether all state of what is restored has to find a place
   * @param restored optimizers whose variables are not known yet
   */
  constructor(update: Update, options: LanestepOptions, strict = true, restored: readonly Optimizer[] = []) {
    this.#update = update;
    this.#options = options;
    this.#strict = strict;
    this.#saved = restored.map((optimizer) => ({ optimizer, left: pathsOf(optimizer) }));
  }

  get last(): VariableSet | undefined {
    return this.#sets[0];
  }

  /** The set of these variables. */
  of(variables: readonly Variable[]): VariableSet {
    const set = this.#sets.find((one) => one.isOf(variables)) ?? this.#enter(variables);
    if (set !== this.#sets[0]) this.#sets = [set, ...this.#sets.filter((one) => one !== set)];
    return set;
  }

  /** Gives variables the parameters that were restored. @throws CheckpointError if there are none of one */
  give(variables: readonly Variable[]): void {
    const found = this.#matched(variables, this.#paths.assign(variables.map(({ name }) => name)));
    const missing = variables.find((_, i) => !found[i]);
    if (missing) throw new CheckpointError(`the checkpoint has no parameters of the variable "${missing.name}"`);
    for (const saved of [...this.#saved]) {
      const own = variables.filter((_, i) => found[i]!.saved === saved);
      if (own.length > 0) this.of(own).write(true);
    }
  }

  /** @throws StateError where variables have been restored that nobody has named yet: it would leave them as they are */
  swapAverage(): void {
    if (this.#sets.length === 0 && this.#saved.length > 0) {
      throw new StateError(
        "swapAverage() does not know yet which variables the loaded averages are of: give load() the variables, or step before",
      );
    }
    for (const set of this.#sets) set.swapAverage();
    this.#isAveraged = !this.#isAveraged && this.#sets.length > 0;
  }

  /** @throws StateError between two calls of `swapAverage()` */
  ready(caller: string): void {
    if (!this.#isAveraged) return;
    throw new StateError(`${caller}() while the average stands in the variables: swapAverage() puts them back`);
  }

  /** Checkpoints of all there is at this moment, each set by itself. */
  save(options: SaveOptions = {}): Promise<Uint8Array<ArrayBuffer>[]> {
    this.ready("save");
    for (const set of this.#sets) set.read();
    const file = (optimizer: Donated, paths: ReadonlyMap<string, Path>) => join([{ optimizer, paths }]).save(options);
    const live = this.#sets.map(async ({ stepper, left }) => {
      const paths = new Map(left);
      const donated = stepper.pull();
      return file(donated instanceof Promise ? await donated : donated, paths);
    });
    return Promise.all([...live, ...this.#saved.map(({ optimizer, left }) => file(optimizer, left))]);
  }

  dispose(): void {
    for (const { stepper } of this.#sets) stepper.dispose();
    for (const { optimizer } of this.#saved) optimizer.dispose();
  }

  #enter(variables: readonly Variable[]): VariableSet {
    this.#forget(variables);
    const paths = this.#paths.assign(variables.map(({ name }) => name));
    const donors: (Donor & { readonly left: Map<string, Path> })[] = [];
    const met = new Set<string>();
    for (const { left, stepper } of this.#sets) {
      const own = paths.filter((path) => left.has(keyOf(path)));
      for (const path of own) met.add(keyOf(path));
      if (own.length > 0) {
        donors.push({ optimizer: stepper.donor(), left, paths: new Map(own.map((path) => [keyOf(path), path])) });
      }
    }
    const fresh = [...paths.keys()].filter((i) => !met.has(keyOf(paths[i]!)));
    const found = this.#matched(
      fresh.map((i) => variables[i]!),
      fresh.map((i) => paths[i]!),
    );
    const come = fresh.map((at, i) => {
      const { name, shape } = variables[at]!;
      const own = found[i];
      // The name that it was saved by: labels go on, and the next file has it again.
      if (own && isCounted({ path: paths[at]!, shape }, own)) paths[at] = this.#paths.move(name, own.path);
      return paths[at]!;
    });
    for (const saved of this.#saved) {
      const own = come.flatMap((path, i) => (found[i]?.saved === saved ? [[keyOf(found[i].path), path] as const] : []));
      if (own.length > 0) donors.push({ ...saved, paths: new Map(own) });
    }
    const stepper = this.#start(variables, paths, donors.length > 0 ? join(donors) : undefined);
    if (this.#strict) {
      requireState(
        stepper,
        come.filter((_, i) => found[i]),
      );
    }
    const set = new VariableSet(variables, paths, stepper);
    for (const { left, paths: taken } of donors) for (const key of taken.keys()) left.delete(key);
    for (const { stepper } of this.#sets.filter(isEmpty)) stepper.dispose();
    for (const { optimizer: restored } of this.#saved.filter(isEmpty)) restored.dispose();
    this.#sets = [set, ...this.#sets.filter((one) => !isEmpty(one))];
    this.#saved = this.#saved.filter((one) => !isEmpty(one));
    return set;
  }

  #start(variables: readonly Variable[], paths: readonly Path[], from: Optimizer | undefined): Stepper {
    const { backend = isOnDevice() ? "webgpu" : undefined, stats = false, ...options } = this.#options;
    if (backend === "webgpu") {
      if (isOnDevice()) return new DeviceStepper(this.#update, paths, variables, from, stats);
      throw new Error(
        `LanestepOptimizer: backend "webgpu" steps where TensorFlow.js has tensors on a device: tf.setBackend("webgpu") before, "${getBackend()}" is in use`,
      );
    }
    const tree = treeOf(paths, (i) => ({ data: variables[i]!.dataSync(), shape: variables[i]!.shape }));
    const optimizer = this.#update.initSync(tree, { ...options, stats, backend, from });
    return new HostStepper(
      optimizer,
      paths,
      variables.map(({ shape }) => shape),
    );
  }

  #matched(variables: readonly Variable[], paths: readonly Path[]) {
    const sets = this.#saved.map((saved) =>
      saved.optimizer.internals.program.layout.leaves.flatMap(({ keys, shape }) => {
        const path = saved.left.get(keyOf(keys as Path));
        return path ? [{ path, shape, saved }] : [];
      }),
    );
    return match(
      sets,
      variables.map(({ shape }, i) => ({ path: paths[i]!, shape })),
    );
  }

  /** Lets go of sets whose variables are all gone, unless one of the name has come. */
  #forget(come: readonly Variable[]): void {
    const names = new Set(come.map(({ name }) => name));
    this.#sets = this.#sets.filter(({ own, stepper }) => {
      if (!own.every((variable) => variable.isDisposed && !names.has(variable.name))) return true;
      stepper.dispose();
      this.#paths.release(own.map(({ name }) => name));
      return false;
    });
  }
}

const isEmpty = ({ left }: { readonly left: ReadonlyMap<string, Path> }): boolean => left.size === 0;

const pathsOf = (optimizer: Optimizer): Map<string, Path> =>
  new Map(optimizer.internals.program.layout.leaves.map(({ keys }) => [keyOf(keys as Path), keys as Path]));

/** @throws CheckpointError if state that was restored has found no place: labels may go by names that are others now */
function requireState(stepper: Stepper, restored: readonly Path[]): void {
  const wanted = new Set(restored.map(keyOf));
  const { leaves } = stepper.donor().internals.program.layout;
  const ends = leaves.filter(({ keys }) => wanted.has(keyOf(keys as Path))).map(({ path }) => `/${path}`);
  const lost = stepper.carried?.fresh.find(
    (name) => name.startsWith("state/") && ends.some((end) => name.endsWith(end)),
  );
  if (lost === undefined) return;
  stepper.dispose();
  throw new CheckpointError(`the checkpoint lacks "${lost}": its variable was in another group of the chain`);
}
