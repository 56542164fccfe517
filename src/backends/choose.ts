import type { Program } from "../program/program.js";
import type { StepValues } from "../program/values.js";
import type { Layout } from "../tree/layout.js";
import type { Engine } from "./backend.js";
import { ReferenceEngine } from "./reference/engine.js";
import { measure } from "./wasm/arena.js";
import { type LoopSource, signaturesOf, WasmEngine } from "./wasm/engine.js";
import { compileKernels, compileLoop, prepare, SHARED_PAGES } from "./wasm/modules.js";

/** Options of `init` and `initSync`. */
export interface InitOptions {
  /** `wasm` or `reference`; without it `wasm` where the engine has WebAssembly SIMD, else `reference`, with a warning. */
  readonly backend?: "wasm" | "reference";
  /**
   * A `WebAssembly.Module` of loops that were linked ahead of time, as `lanestep/warmed.wasm`; what it lacks is linked
   * where that is allowed. (Typed `object`: not every set of types knows WebAssembly.)
   */
  readonly module?: object;
  /** Whether to warn on the console where `reference` stands in for `wasm`. */
  readonly warn?: boolean;
}

let warned = false;

/** Makes the engine of a program; what was prepared is found compiled. */
export function createEngine(
  program: Program,
  layout: Layout,
  step: StepValues,
  { backend, module, warn = true }: InitOptions,
): Engine {
  measure(program, layout, 0);
  if (backend === "reference") return new ReferenceEngine(program, layout, step, "asked for");
  const refusal = whyNoKernels();
  if (!refusal) {
    const loops = loopSource(program, module);
    return new WasmEngine(program, layout, step, loops, `WebAssembly SIMD, ${reasons[loops.path]}`);
  }
  if (backend === "wasm") throw new Error(`the wasm backend cannot run here: ${refusal}`);
  if (warn && !warned && typeof console === "object") {
    warned = true;
    console.warn(`lanestep: ${refusal}. The reference backend runs instead, about 20 times slower.`);
  }
  return new ReferenceEngine(program, layout, step, refusal);
}

/** Compiles what {@link createEngine} will want, off the caller's thread of control. What fails here fails there. */
export async function prepareEngine(program: Program, { backend, module }: InitOptions): Promise<void> {
  if (backend === "reference" || typeof WebAssembly !== "object") return;
  const given = exported(module);
  const missing = signaturesOf(program).filter((signature) => !given.has(signature));
  await prepare(missing).catch(() => undefined);
}

const reasons: Record<LoopSource["path"], string> = {
  linked: "loops linked for this chain",
  warmed: "loops linked ahead of time",
  tiles: "body by body, as the engine compiles nothing at run time",
};

/** A sentence where the kernels do not compile, else `null`. */
function whyNoKernels(): string | null {
  if (typeof WebAssembly !== "object") return "this engine has no WebAssembly";
  try {
    compileKernels(SHARED_PAGES);
    return null;
  } catch (error) {
    return `this engine does not compile the WebAssembly SIMD kernels (${error instanceof Error ? error.message : error})`;
  }
}

function loopSource(program: Program, module: object | undefined): LoopSource {
  const given = exported(module);
  const missing = signaturesOf(program).filter((signature) => !given.has(signature));
  if (module && missing.length === 0) return { path: "warmed", module };
  try {
    missing.forEach(compileLoop);
    return { path: "linked", module: module ?? null };
  } catch (error) {
    if (!module) throw error;
    return { path: "tiles", module };
  }
}

const exported = (module: object | undefined): ReadonlySet<string> =>
  new Set(module ? WebAssembly.Module.exports(module).map(({ name }) => name) : []);
