// What an update is: one entry, typed so that a missing part does not compile. Everything that computes reads this:
// the program (what folds, what cuts, which bodies fuse), the backends and the tests. Formula and paper stand in the
// docstring of the function beside the entry.

import type { savedCustom } from "../checkpoint/custom.ts";
import type { Body, Head } from "../link/link.ts";
import type { runCustom } from "../optimizer/custom.ts";
import type { AtStep, OptionSpec, Resolved } from "../options.ts";
import type { Keys } from "../tree/path.ts";

/** A plane of state, shaped as the parameters. */
export interface PlaneSlot<Spec extends OptionSpec> {
  /** What every element holds before the first step; `params`: a copy of the parameters. */
  readonly initial: (options: Resolved<Spec>) => number | "params";
  /** Whether it decays towards zero under zero updates: then its smallest numbers are flushed now and then. */
  readonly decays: boolean;
}

interface Entry<Spec extends OptionSpec, Slot extends string = never> {
  readonly name: string;
  readonly options: Spec;
  readonly slots: { readonly [slot in Slot]: PlaneSlot<Spec> };
  /** Of `wasm` against `reference` on the same input and state, relative to the terms that a result is added up from. */
  readonly tolerance: number;
  /** The same of `webgpu`, where it is another. */
  readonly deviceTolerance?: number;
}

export type Numbers = { readonly [name: string]: number };

/** What a rule remembers from step to step beside its planes; in a step it may also see what `step()` was told. */
export interface Memory<Spec extends OptionSpec> {
  readonly initial: Numbers;
  /** Throws if `told` lacks what it needs. */
  readonly advance: (options: AtStep<Spec>, memory: Numbers, told: Told) => Numbers;
}

/** What `step(grads, told)` may be given beside the gradients. */
export interface Told {
  /** The loss, or another figure to be made small. */
  readonly value?: number | undefined;
}

/**
 * The paper's formula, unfolded, in double precision, for the elements of one leaf: x and the slots are changed in
 * place. (A loop in each rule, as engines do not inline a call that meets many formulas: it would cost ten times as much.)
 */
export type ReferenceElements<Slot extends string = never> = (
  x: Float64Array,
  p: Float32Array,
  // biome-ignore lint/suspicious/noExplicitAny: a rule of any kind has slots of any names.
  state: string extends Slot ? any : { readonly [slot in Slot]: Float32Array },
) => void;

/** x ← factor·x, or x ← x + decay·p: folds into the scalars of its neighbours and costs no instruction. */
export interface LinearRule<Spec extends OptionSpec> extends Entry<Spec> {
  readonly kind: "linear";
  readonly linear: "factor" | "decay";
  readonly memory?: Memory<Spec>;
  /** One that takes options alone is asked once, where these are fixed. */
  readonly scalar: (options: AtStep<Spec>, step: number, memory: Numbers) => number;
}

/** One of the bodies that a rule may run in a step. */
export interface BodyUse extends Body {
  /** Its constants by their names among the rule's scalars, in the order of the body's parameters. */
  readonly constants: readonly string[];
}

/** Each element by itself, from x, p and the slots: four lanes of it are a body. */
export interface ElementwiseRule<Spec extends OptionSpec, Slot extends string = never> extends Entry<Spec, Slot> {
  readonly kind: "elementwise";
  /** `null`: there is nothing to do to x or to the state. */
  readonly bodies: readonly (BodyUse | null)[];
  /** Which of several bodies these options mean, for good. */
  readonly choose?: (options: Resolved<Spec>) => number;
  /** Which of several bodies a step takes: all of them are linked. */
  readonly select?: (options: AtStep<Spec>, step: number) => number;
  /** The bodies' constants; the bodies' result is multiplied by `factor` afterwards, if there is one: it folds on. */
  readonly scalars: readonly string[];
  /** The scalars in the order of their names. (An array: it is read in every step, and names cost 0.1 µs.) */
  readonly compute: (options: AtStep<Spec>, step: number) => readonly number[];
  readonly reference: (options: AtStep<Spec>, step: number) => ReferenceElements<Slot>;
}

/** x ← factor·x with a factor from norms, of the whole tree or of each leaf. */
export interface NormRule<Spec extends OptionSpec> extends Entry<Spec> {
  readonly kind: "norm";
  readonly scope: "tree" | "leaf";
  /** Whether the norm of the parameters is wanted too. */
  readonly params: boolean;
  /** The root of the sum of squares, or the largest magnitude. */
  readonly order: (options: Resolved<Spec>) => 2 | typeof Infinity;
  readonly factor: (options: AtStep<Spec>, norms: { readonly updates: number; readonly params: number }) => number;
}

/** A leaf as a kernel sees it. */
export interface KernelLeaf {
  readonly shape: readonly number[];
  readonly length: number;
  readonly hash: number;
}

/** A whole loop over one leaf that is not elementwise: row means, noise. */
export interface KernelRule<Spec extends OptionSpec> extends Entry<Spec> {
  readonly kind: "kernel";
  readonly kernel: "centralize" | "addNoise";
  /** Its module, in hexadecimal. (By a function: long strings stand behind what runs while a bundle loads.) */
  readonly module: () => string;
  readonly scalars: readonly string[];
  readonly compute: (options: AtStep<Spec>, step: number) => readonly number[];
  /** What the kernel takes behind `out` and `x`. a: a factor of x; rule: its index in the chain, through all groups. */
  readonly arguments: (
    a: number,
    leaf: KernelLeaf,
    scalars: readonly number[],
    step: number,
    rule: number,
  ) => readonly number[];
  /** How a loop behind the kernel may begin in its place: for leaves that have rows, by their elements, of whole lines. */
  readonly byRow?: { readonly head: Head; readonly row: (leaf: KernelLeaf) => number };
  /** x, the leaf, is changed in place. */
  readonly reference: (
    options: AtStep<Spec>,
    step: number,
  ) => (x: Float64Array, leaf: KernelLeaf, rule: number) => void;
}

/** A user's function over trees of views: {@link stateless}, {@link stateful}. */
export interface CustomRule extends Entry<Record<never, never>> {
  readonly kind: "custom";
  readonly init: ((params: unknown) => unknown) | null;
  readonly apply: (updates: unknown, state: unknown, params: unknown) => readonly [updates: unknown, state: unknown];
  /** Runs a step of a chain that has such rules; they bring it, so that bundles without them lack it. */
  readonly run: typeof runCustom;
  /** The same for its state in checkpoints. */
  readonly save: typeof savedCustom;
}

/** Lets what stands behind it in the chain run in this step, or not: see src/program/runner.ts. */
export interface GateRule<Spec extends OptionSpec, Slot extends string = never> extends Entry<Spec, Slot> {
  readonly kind: "gate";
  readonly gate: "accumulate" | "skip";
  /** What it remembers at first. */
  readonly memory: { readonly initial: Numbers };
}

/** The parameters it stands for are left as they are. */
export interface FreezeRule extends Entry<Record<never, never>> {
  readonly kind: "freeze";
}

/** A leaf as it is shown to functions of labels. */
export interface LabelledLeaf {
  readonly keys: Keys;
  readonly path: string;
  readonly shape: readonly number[];
  readonly length: number;
}

/** Other rules for each group of leaves. */
export interface PartitionRule extends Entry<Record<never, never>> {
  readonly kind: "partition";
  readonly groups: ReadonlyMap<string, readonly BoundRule[]>;
  /** @throws TypeError for a leaf whose label names no group */
  readonly labelOf: (leaf: LabelledLeaf) => string;
}

export type RuleOf<Spec extends OptionSpec> =
  | LinearRule<Spec>
  | ElementwiseRule<Spec, string>
  | NormRule<Spec>
  | KernelRule<Spec>
  | GateRule<Spec, string>;

/** A rule whose options are of any kind, as chains hold it. */
// biome-ignore lint/suspicious/noExplicitAny: options are checked by the rule's own spec when the update is made.
export type Rule = RuleOf<any> | CustomRule | FreezeRule | PartitionRule;

/** A rule with the options of one call. */
export interface BoundRule {
  readonly rule: Rule;
  readonly options: Readonly<Record<string, unknown>>;
}
