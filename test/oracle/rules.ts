// The second oracle: one step on wasm and on reference from the same parameters, gradients and state. Of a single rule every
// element is held to the rule's tolerance, relative to what test/oracle/scales.ts says.

import fc from "fast-check";
import type { PlaneId } from "../../src/backends/backend.ts";
import * as lanestep from "../../src/index.ts";
import { deviation } from "../support/close.ts";
import { build, fill, type RuleSpec, uniform } from "./arbitrary.ts";
import { type ElementStep, scales } from "./scales.ts";

/** How the numbers of a leaf differ: by up to its largest, by magnitude, or not at all. Magnitudes: 1e-15 to 1e15. */
export type Spread = "leaf" | "element" | "equal";

const TREE = {
  a: { shape: [64] },
  b: { shape: [3, 100] },
  c: { shape: [] },
  d: { shape: [4099] },
  e: { shape: [2, 4096] },
};

/** Leaves long enough to hold a number that does not nearly cancel. */
const TAME = { a: { shape: [64] }, b: { shape: [3, 100] }, c: { shape: [200] } };

/** The leaves of a plane, those that it has. */
type Leaves = readonly (Float32Array | null)[];

function fillInDomain(leaves: Leaves, spread: Spread, random: () => number): void {
  const magnitude = () => 10 ** (30 * random() - 15);
  const signed = (x: number) => (random() < 0.5 ? -x : x);
  for (const leaf of leaves) {
    if (!leaf) continue;
    const largest = random() < 0.1 ? 0 : magnitude();
    const draw = {
      leaf: () => largest * (2 * random() - 1),
      element: () => (random() < 0.1 ? 0 : signed(magnitude())),
      equal: () => largest,
    }[spread];
    for (let i = 0; i < leaf.length; i++) {
      const x = draw();
      leaf[i] = Math.abs(x) < 1e-15 ? 0 : x;
    }
  }
}

/** The worst element of a step. */
interface Worst {
  /** Its error over its scale. */
  readonly error: number;
  readonly words: string;
  /** Elements that have no digit left to compare, by their scale. */
  readonly lost: number;
  readonly elements: number;
}

/** Fills a plane with the next numbers. */
type Draw = (leaves: Leaves) => void;

const leavesOf = ({ internals }: lanestep.Optimizer, id: PlaneId): Leaves => internals.views.leaves(id);

/** What a plateau is told. */
const told = (step: number) => ({ value: 1 / (1 + (step % 3)) });

/** A chain on both backends before the same step: parameters, gradients and state are those of wasm. */
function bothBefore(chain: readonly RuleSpec[], tree: unknown, warmUp: number, draw: Draw) {
  const wasm = build(lanestep, chain).initSync(tree, { backend: "wasm" }) as lanestep.Optimizer;
  const reference = build(lanestep, chain).initSync(tree, { backend: "reference" }) as lanestep.Optimizer;
  const { program } = wasm.internals;
  const both = [wasm, reference];
  const drawn = (id: PlaneId) => {
    draw(leavesOf(wasm, id));
    copy(id);
  };
  const copy = (id: PlaneId) =>
    leavesOf(wasm, id).forEach((leaf, i) => {
      if (leaf) leavesOf(reference, id)[i]!.set(leaf);
    });
  drawn("params");
  for (let step = 0; step < warmUp; step++) {
    drawn("grads");
    for (const one of both) one.step(one.grads as never, told(step));
  }
  drawn("grads");
  for (const id of ["params", ...program.slots.keys()] as const) copy(id);
  const update = () => {
    for (const one of both) one.update(one.grads as never, told(warmUp));
  };
  return { wasm, reference, program, drawn, update };
}

/** A whole chain: the largest deviation of updates and state, relative to the leaf. It shows what folds wrongly. */
export function compareChain(chain: readonly RuleSpec[], seed: number, warmUp: number) {
  let next = seed;
  const draw: Draw = (leaves) => fill(leaves, { kind: "normal", seed: next++ });
  const { wasm, reference, program, update } = bothBefore(chain, TAME, warmUp, draw);
  update();
  const planes: PlaneId[] = ["grads", ...program.slots.keys()];
  const deviations = planes.flatMap((id) =>
    program.layout.leaves.map(({ path }, i) => {
      const [actual, expected] = [leavesOf(wasm, id)[i]!, leavesOf(reference, id)[i]!];
      // A division by zero behind it is a matter of the interpreter: formulas differ in what they make of infinities.
      const isCompared = expected?.every(Number.isFinite);
      const compared = isCompared ? deviation(actual, expected) : { relative: 0, index: 0 };
      return { ...compared, where: `plane ${id}, leaf "${path}"` };
    }),
  );
  return deviations.reduce((worst, one) => (one.relative <= worst.relative ? worst : one));
}

/** Planes of a step by name: slots, and what came out under `update`. */
type Named = readonly (readonly [string, Leaves])[];

/** A rule on both backends before a step, and that step. */
export function prepareStep(spec: RuleSpec, seed: number, warmUp: number, spread: Spread) {
  const random = uniform(seed);
  const draw: Draw = (leaves) => fillInDomain(leaves, spread, random);
  const { wasm, reference, program, drawn, update } = bothBefore([spec], TREE, warmUp, draw);
  // The steps may have led the parameters out of the domain.
  drawn("params");
  const planesOf = (optimizer: lanestep.Optimizer): Named => [
    ...program.slots.map(({ name }, slot) => [name, leavesOf(optimizer, slot)] as const),
    ["update", leavesOf(optimizer, "grads")],
  ];
  const copies = (leaves: Leaves) => leaves.map((leaf) => leaf!.slice());
  const [x, p] = [copies(leavesOf(wasm, "grads")), leavesOf(wasm, "params")];
  const before = planesOf(wasm).map(([name, leaves]) => [name, copies(leaves)] as const);

  /** The worst of what another backend has made of this step; call it behind `update`. */
  const worstOf = (actual: Named): Worst => {
    const expected = planesOf(reference);
    let worst = { error: 0, words: "" };
    let [lost, elements] = [0, 0];
    program.layout.leaves.forEach(({ path }, leaf) => {
      const largest = x[leaf]!.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      for (let i = 0; i < x[leaf]!.length; i++) {
        const at = (planes: Named) => Object.fromEntries(planes.map(([name, leaves]) => [name, leaves[leaf]![i]!]));
        const after = at(expected);
        const options = spec.options as ElementStep["options"];
        const numbers = { x: x[leaf]![i]!, p: p[leaf]![i]!, before: at(before), after, update: after.update!, largest };
        const element = { ...numbers, options };
        const relativeTo = scales[spec.rule]?.(element) ?? {};
        actual.forEach(([name, leaves], k) => {
          const [found, wanted] = [leaves[leaf]![i]!, expected[k]![1][leaf]![i]!];
          const scale = relativeTo[name] ?? Math.abs(wanted);
          elements++;
          if (scale === Infinity) lost++;
          else if (found !== wanted && !(Number.isNaN(found) && Number.isNaN(wanted))) {
            const error = Math.abs(found - wanted) / scale;
            if (error <= worst.error) return;
            const words = `${name} of "${path}"[${i}] is ${found}, reference has ${wanted}, relative to ${scale}`;
            worst = { error, words: `${words}, from ${fc.stringify(element)}` };
          }
        });
      }
    });
    return { ...worst, lost, elements };
  };
  return { wasm, told: told(warmUp), update, worstOf, wasmPlanes: () => planesOf(wasm) };
}

/** `warmUp`: steps before the one that is compared. */
export function compareStep(spec: RuleSpec, seed: number, warmUp: number, spread: Spread): Worst {
  const { update, worstOf, wasmPlanes } = prepareStep(spec, seed, warmUp, spread);
  update();
  return worstOf(wasmPlanes());
}
