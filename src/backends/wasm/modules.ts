// Compiled modules, shared by all memories: the kernels, and one module a linked loop, cached by its signature.

import { decodeBase64 } from "../../base64.js";
import { kernels } from "../../generated/kernels.js";
import { link } from "../../link/link.js";

let kernelsModule: WebAssembly.Module | undefined;
const loopModules = new Map<string, WebAssembly.Module>();

/** @throws WebAssembly.CompileError (or what the engine's policy throws) where nothing may be compiled */
export function compileKernels(): WebAssembly.Module {
  kernelsModule ??= new WebAssembly.Module(decodeBase64(kernels));
  return kernelsModule;
}

export function compileLoop(signature: string): WebAssembly.Module {
  let module = loopModules.get(signature);
  if (!module) loopModules.set(signature, (module = new WebAssembly.Module(link([signature]))));
  return module;
}

/** The same off the caller's thread of control: afterwards the two above find what they need. */
export async function prepare(signatures: readonly string[]): Promise<void> {
  const missing = signatures.filter((signature) => !loopModules.has(signature));
  await Promise.all([
    kernelsModule ?? WebAssembly.compile(decodeBase64(kernels)).then((module) => (kernelsModule ??= module)),
    ...missing.map(async (signature) => loopModules.set(signature, await WebAssembly.compile(link([signature])))),
  ]);
}
