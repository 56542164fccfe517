// The same cases where a loop comes from a module that was compiled ahead, in an engine that compiles nothing itself.

import { readFileSync } from "node:fs";
import { expect, vi } from "vitest";
import type { InitOptions, Optimizer } from "../../../src/index.ts";
import { link } from "../../../src/link/link.ts";
import { stamp } from "../../../src/link/stamp.ts";
import { warmedSignatures } from "../../../src/warmed.ts";
import { bitsIn } from "../untouched.ts";
import type { GoldenCase, GoldenStep, Plan } from "./index.ts";

/** What plans a case and makes its update, with a library of its own. */
export type Copy = typeof import("./index.ts");
type Path = "linked" | "warmed" | "tiles";

const shipped = new WebAssembly.Module(readFileSync("dist/warmed.wasm"));
const kernels = new WebAssembly.Module(readFileSync("dist/kernels.wasm"));
const loopsOf = (module: WebAssembly.Module) => new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
const shippedLoops = loopsOf(shipped);

/** Operations alone, of which any chain is made: `lanestep/warmed.wasm` without the loops that join several. */
const single = moduleOf(warmedSignatures().filter((name) => /^(?:\w+\|store|store|add|apply)$/.test(name)));
const singleLoops = loopsOf(single);

/** A copy of the library that has compiled nothing yet, and what speaks to it. */
export async function freshCopy(): Promise<Copy> {
  vi.resetModules();
  return import("./index.ts");
}

/** The loops of `step()` and those of `update()`. */
export function loopsOfCase({ makeUpdate, toTree }: Copy, plan: Plan, { params }: GoldenCase): string[] {
  const { loops } = makeUpdate(plan).plan(toTree(params));
  return [...loops, ...loops.map((signature) => signature.replace(/apply$/, "store")), "apply"];
}

/** Whether `lanestep/warmed.wasm` has them all. */
export const isShipped = (loops: readonly string[]): boolean => loops.every((loop) => shippedLoops.has(loop));

/** Where the loops come from on a path, and the path that is then taken; `all`: what the build would link for all cases. */
export function given(path: "warmed" | "tiles", loops: readonly string[], all: WebAssembly.Module) {
  if (path === "warmed") return { path, options: { kernels, module: isShipped(loops) ? shipped : all } };
  // A chain that no operation remains of has all its loops there.
  const taken: Path = loops.every((loop) => singleLoops.has(loop)) ? "warmed" : "tiles";
  return { path: taken, options: { kernels, module: single } };
}

export const linkAll = (loops: readonly string[]): WebAssembly.Module => moduleOf([...new Set([...loops, "add"])]);

/** As the build links it: see src/link/stamp.ts. */
function moduleOf(loops: readonly string[]): WebAssembly.Module {
  return new WebAssembly.Module(stamp(link(loops), "module"));
}

/**
 * What a case comes to on a path: the bits of updates and parameters after each step, by `update()` and `apply()` and by
 * `step()`, and at the end the checkpoints, which hold all state and all counts. Any other path than this one fails.
 */
export function bitsOfCase(
  { makeUpdate, toTree }: Copy,
  plan: Plan,
  { params }: GoldenCase,
  steps: readonly GoldenStep[],
  { path, options }: { readonly path: Path; readonly options: InitOptions },
) {
  const make = () => {
    const optimizer = makeUpdate(plan).initSync(toTree(params), { backend: "wasm", ...options }) as Optimizer;
    expect(optimizer.backend).toMatchObject({ name: "wasm", path });
    return optimizer;
  };
  const [inTwo, inOne] = [make(), make()];
  const afterSteps = steps.map(({ grads, value }) => {
    const told = [toTree(grads), ...(value === undefined ? [] : [{ value: Number(value) }])] as const;
    const updates = String(bitsIn(inTwo.update(...told)));
    inTwo.apply();
    const changed = inOne.step(...told);
    return { updates, changed, inTwo: String(bitsIn(inTwo.params)), inOne: String(bitsIn(inOne.params)) };
  });
  const checkpoints = [inTwo, inOne].map((optimizer) => Buffer.from(optimizer.save()).toString("base64"));
  for (const optimizer of [inTwo, inOne]) optimizer.dispose();
  return { afterSteps, checkpoints };
}
