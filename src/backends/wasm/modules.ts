// Compiled modules, shared by all memories: the kernels, and one module a linked loop, cached by its signature.

import { kernels } from "../../generated/kernels.js";
import { link } from "../../link/link.js";

/** Hexadecimal: gzipped it is a fifth smaller than base64, as the bytes keep their places. No engine needs to help. */
const kernelBytes = () => Uint8Array.from(kernels.match(/../g)!, (byte) => parseInt(byte, 16));

let kernelsModule: WebAssembly.Module | undefined;
const loopModules = new Map<string, WebAssembly.Module>();

/** @throws WebAssembly.CompileError (or what the engine's policy throws) where nothing may be compiled */
export function compileKernels(): WebAssembly.Module {
  kernelsModule ??= new WebAssembly.Module(kernelBytes());
  return kernelsModule;
}

export function compileLoop(signature: string): WebAssembly.Module {
  const module = loopModules.get(signature) ?? new WebAssembly.Module(link([signature]));
  loopModules.set(signature, module);
  return module;
}

/** The same off the caller's thread of control: afterwards the two above find what they need. */
export async function prepare(signatures: readonly string[]): Promise<void> {
  const missing = signatures.filter((signature) => !loopModules.has(signature));
  await Promise.all([
    kernelsModule ?? WebAssembly.compile(kernelBytes()).then((module) => (kernelsModule ??= module)),
    ...missing.map(async (signature) => loopModules.set(signature, await WebAssembly.compile(link([signature])))),
  ]);
}
