// The second oracle: one step on wasm and on reference from the same parameters, gradients and state. Of a single rule every
// element is held to the rule's tolerance, relative to what test/oracle/scales.ts says.

import fc from "fast-check";
import type { PlaneId } from "../../src/backends/backend.js";
import * as lanestep from "../../src/index.js";
import type { Layout } from "../../src/tree/layout.js";
import { deviation } from "../support/close.js";
import { build, fill, type RuleSpec, uniform } from "./arbitrary.js";
import { type ElementStep, scales } from "./scales.js";

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

function fillInDomain(plane: Float32Array, { leaves }: Layout, spread: Spread, random: () => number): void {
  const magnitude = () => 10 ** (30 * random() - 15);
  const signed = (x: number) => (random() < 0.5 ? -x : x);
  for (const { offset, length } of leaves) {
    const largest = random() < 0.1 ? 0 : magnitude();
    const draw = {
      leaf: () => largest * (2 * random() - 1),
      element: () => (random() < 0.1 ? 0 : signed(magnitude())),
      equal: () => largest,
    }[spread];
    for (let i = offset; i < offset + length; i++) {
      const x = draw();
      plane[i] = Math.abs(x) < 1e-15 ? 0 : x;
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
type Draw = (plane: Float32Array, layout: Layout) => void;

/** A chain on both backends before the same step: parameters, gradients and state are those of wasm. */
function bothBefore(chain: readonly RuleSpec[], tree: unknown, warmUp: number, draw: Draw) {
  const wasm = build(lanestep, chain).initSync(tree, { backend: "wasm" });
  const reference = build(lanestep, chain).initSync(tree, { backend: "reference" });
  const { layout, program } = wasm.internals;
  draw(wasm.internals.plane("params"), layout);
  for (let step = 0; step < warmUp; step++) {
    draw(wasm.internals.plane("grads"), layout);
    wasm.step();
    reference.step();
  }
  draw(wasm.internals.plane("grads"), layout);
  const copied: PlaneId[] = ["params", "grads", ...program.slots.keys()];
  for (const id of copied) reference.internals.plane(id).set(wasm.internals.plane(id));
  return { wasm, reference, layout, program };
}

/** A whole chain: the largest deviation of updates and state, relative to the leaf. It shows what folds wrongly. */
export function compareChain(chain: readonly RuleSpec[], seed: number, warmUp: number) {
  let next = seed;
  const draw: Draw = (plane, layout) => fill(plane, layout, { kind: "normal", seed: next++ });
  const { wasm, reference, layout, program } = bothBefore(chain, TAME, warmUp, draw);
  wasm.update();
  reference.update();
  const planes: PlaneId[] = ["grads", ...program.slots.keys()];
  const deviations = planes.flatMap((id) =>
    layout.leaves.map(({ offset, length, path }) => {
      const [actual, expected] = [wasm, reference].map(({ internals }) =>
        internals.plane(id).subarray(offset, offset + length),
      );
      // A division by zero behind it is a matter of the interpreter: formulas differ in what they make of infinities.
      const compared = expected!.every(Number.isFinite) ? deviation(actual!, expected!) : { relative: 0, index: 0 };
      return { ...compared, where: `plane ${id}, leaf "${path}"` };
    }),
  );
  return deviations.reduce((worst, one) => (one.relative <= worst.relative ? worst : one));
}

/** `warmUp`: steps before the one that is compared. */
export function compareStep(spec: RuleSpec, seed: number, warmUp: number, spread: Spread): Worst {
  const random = uniform(seed);
  const draw: Draw = (plane, layout) => fillInDomain(plane, layout, spread, random);
  const { wasm, reference, layout, program } = bothBefore([spec], TREE, warmUp, draw);
  // The steps may have led the parameters out of the domain.
  draw(wasm.internals.plane("params"), layout);
  reference.internals.plane("params").set(wasm.internals.plane("params"));
  const names = program.slots.map(({ name }) => name);
  const slotsOf = ({ internals }: typeof wasm) => names.map((name, i) => [name, internals.plane(i)] as const);
  const [x, p] = [wasm.internals.plane("grads").slice(), wasm.internals.plane("params")];
  const before = slotsOf(wasm).map(([name, plane]) => [name, plane.slice()] as const);
  wasm.update();
  reference.update();
  const actual = [...slotsOf(wasm), ["update", wasm.internals.plane("grads")] as const];
  const expected = [...slotsOf(reference), ["update", reference.internals.plane("grads")] as const];

  let worst = { error: 0, words: "" };
  let [lost, elements] = [0, 0];
  for (const { offset, length, path } of layout.leaves) {
    const largest = x.subarray(offset, offset + length).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    for (let i = offset; i < offset + length; i++) {
      const at = (planes: readonly (readonly [string, Float32Array])[]) =>
        Object.fromEntries(planes.map(([name, plane]) => [name, plane[i]!]));
      const after = at(expected);
      const options = spec.options as ElementStep["options"];
      const element = { x: x[i]!, p: p[i]!, options, before: at(before), after, update: after.update!, largest };
      const relativeTo = scales[spec.rule]?.(element) ?? {};
      actual.forEach(([name, plane], k) => {
        const [found, wanted] = [plane[i]!, expected[k]![1][i]!];
        const scale = relativeTo[name] ?? Math.abs(wanted);
        elements++;
        if (scale === Infinity) lost++;
        else if (found !== wanted && !(Number.isNaN(found) && Number.isNaN(wanted))) {
          const error = Math.abs(found - wanted) / scale;
          if (error <= worst.error) return;
          const words = `${name} of "${path}"[${i - offset}] is ${found}, reference has ${wanted}, relative to ${scale}`;
          worst = { error, words: `${words}, from ${fc.stringify(element)}` };
        }
      });
    }
  }
  return { ...worst, lost, elements };
}
