import { nameOf, readStamp } from "../link/stamp.ts";
import { once } from "../once.ts";
import type { Optimizer } from "../optimizer/optimizer.ts";
import type { Program } from "../program/program.ts";
import type { StepValues } from "../program/values.ts";
import type { BackendInfo, Engine } from "./backend.ts";
import { ReferenceEngine } from "./reference/engine.ts";
import { arenaOf } from "./wasm/arena.ts";
import { signaturesOf, WasmEngine } from "./wasm/engine.ts";
import { type Code, codeOf } from "./wasm/linked.ts";
import { compileKernels, compileLoop, SHARED_PAGES } from "./wasm/modules.ts";
import type { GpuOptimizer } from "./webgpu/optimizer.ts";

/** Options of `init` and `initSync`. */
export interface InitOptions {
  /** `wasm` or `reference`; without it `wasm` where the engine has WebAssembly SIMD, else `reference`, with a warning. */
  readonly backend?: "wasm" | "reference" | undefined;
  /**
   * A `WebAssembly.Module` of loops that were linked ahead of time: what `npx lanestep bake` wrote for this chain, or
   * `lanestep/warmed.wasm`; what the latter lacks is linked where that is allowed. (Typed `object`: not every set of types
   * knows WebAssembly.)
   */
  readonly module?: object | undefined;
  /**
   * A `WebAssembly.Module` of `lanestep/kernels.wasm`, for engines that compile nothing at run time. Where the export
   * condition `workerd` holds, the package has imported it itself.
   */
  readonly kernels?: object | undefined;
  /** Whether to warn on the console where `reference` stands in for `wasm`. */
  readonly warn?: boolean | undefined;
  /** An optimizer to go on from: see {@link Update.init}. */
  // biome-ignore lint/suspicious/noExplicitAny: an optimizer of any model.
  readonly from?: Optimizer<any> | GpuOptimizer<any> | undefined;
  /** Whether to keep the updates of each step, for `stats()`: a plane more, and a pass more in each step. */
  readonly stats?: boolean | undefined;
}

/** What stands in for `module` and `kernels` where options give none. */
let imported: { readonly module: WebAssembly.Module; readonly kernels: WebAssembly.Module } | undefined;

/** @internal For an entry that imports modules, as its engine compiles nothing: see src/workerd.ts. */
export function useModules(modules: NonNullable<typeof imported>): void {
  imported = modules;
}

let warned = false;

/** Makes the engine of a program. */
export function createEngine(program: Program, values: readonly StepValues[], options: InitOptions): Engine {
  const { backend, warn, stats = false } = options;
  const reference = (reason: string) => {
    arenaOf(program, stats); // which refuses what is too large
    return new ReferenceEngine(program, values, reason, stats);
  };
  if (backend === "reference") return reference("asked for");
  let refusal = "this engine has no WebAssembly";
  if (typeof WebAssembly === "object") {
    const given = givenModules(program, options);
    try {
      const path = pathOf(given);
      return new WasmEngine(codeOf(program, path, given.module, stats), given.kernels, values, backends[path]);
    } catch (error) {
      if (error instanceof RangeError) throw error;
      // Not of `pathOf` alone: WebKit compiles what a policy forbids, and refuses the instance; others refuse a large
      // arena's own kernels, where what a small one takes stands in a cache.
      refusal = `this engine does not compile WebAssembly SIMD (${error}): a page's policy has to allow 'wasm-unsafe-eval'; where modules alone are taken, bundle with the condition "workerd", or give init both: { kernels, module }`;
    }
  }
  if (backend === "wasm") throw new Error(`the wasm backend cannot run here: ${refusal}`);
  if (warn && !warned && typeof globalThis.console?.warn === "function") {
    warned = true;
    console.warn(`lanestep: ${refusal}. The reference backend runs instead, about 20 times slower.`);
  }
  return reference(refusal);
}

const wasm = (path: Code["path"], reason: string): BackendInfo =>
  Object.freeze({ name: "wasm", path, reason: `WebAssembly SIMD, ${reason}` });

/** One for all optimizers: they may be thousands. */
const backends: Record<Code["path"], BackendInfo> = {
  linked: wasm("linked", "loops linked for this chain"),
  warmed: wasm("warmed", "loops linked ahead"),
  tiles: wasm("tiles", "body by body, as nothing compiles at run time"),
};

interface Given {
  readonly module: WebAssembly.Module | null;
  readonly kernels: WebAssembly.Module | null;
  /** Loops that are not in `module`. */
  readonly missing: readonly string[];
}

/** @throws Error for a module that was made for something else */
function givenModules(program: Program, options: InitOptions): Given {
  const { module = imported?.module ?? null, kernels = imported?.kernels ?? null, stats } = options;
  if (kernels) readStamp(kernels, "kernels");
  // With statistics `step()` runs the loops of `update()`; otherwise those are wanted later.
  const wanted = stats ? [...ofUpdate(program), "apply"] : ofStep(program);
  if (!module) return { module, kernels, missing: wanted };
  const bakedFor = readStamp(module, "module");
  const given = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
  const all = new Set([...wanted, ...ofUpdate(program), "apply"]);
  const missing = [...all].filter((loop) => !given.has(loop));
  if (bakedFor && missing.length > 0) {
    throw new Error(
      `module was baked for ${bakedFor}; for ${nameOf(program.chain)} it lacks ${missing.join(", ")}: run "npx lanestep bake" for that`,
    );
  }
  return { module, kernels, missing };
}

/** Compiles what was not given. @throws what the engine throws, where it does not compile even kernels */
function pathOf({ module, kernels, missing }: Given): Code["path"] {
  if (!kernels) compileKernels(SHARED_PAGES);
  if (module && missing.length === 0) return "warmed";
  // Such an engine may compile while a program starts, and refuse it ever after: nothing is left for later then.
  if (imported) return "tiles";
  try {
    missing.forEach(compileLoop);
  } catch (error) {
    if (!module) throw error;
    return "tiles";
  }
  return "linked";
}

const loopsOf = (sink: "apply" | "emit") =>
  once(({ groups }: Program) => [...new Set(groups.flatMap((group) => signaturesOf(group, sink)))]);

/** Of `step()`, and of `update()`; made once for all optimizers of a program. */
const ofStep = loopsOf("apply");
const ofUpdate = loopsOf("emit");
