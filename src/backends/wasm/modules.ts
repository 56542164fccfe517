// Compiled modules, shared by all memories: the kernels, and one module a linked loop, cached by its signature.

import { kernels } from "../../generated/kernels.js";
import { memorySection } from "../../link/encode.js";
import { link } from "../../link/link.js";

/** Pages of a memory that small arenas share. */
export const SHARED_PAGES = 16;

let sharedKernels: WebAssembly.Module | undefined;
const loopModules = new Map<string, WebAssembly.Module>();

/** Hexadecimal: gzipped it is a fifth smaller than base64, as the bytes keep their places. No engine needs to help. */
const bytesOf = (hex: string) => hex.match(/../g)!.map((byte) => parseInt(byte, 16));

/**
 * The kernels with a memory of its final size: after a `memory.grow` V8 no longer trusts any array buffer to stay, and
 * the caller's own loops over typed arrays take 1.3 to 1.7 times as long.
 */
const kernelBytes = (pages: number) =>
  Uint8Array.from(bytesOf(kernels[0]).concat(memorySection(pages), bytesOf(kernels[1])));

/** @throws WebAssembly.CompileError (or what the engine's policy throws) where nothing may be compiled */
export function compileKernels(pages: number): WebAssembly.Module {
  if (pages !== SHARED_PAGES) return new WebAssembly.Module(kernelBytes(pages));
  sharedKernels ??= new WebAssembly.Module(kernelBytes(pages));
  return sharedKernels;
}

export function compileLoop(signature: string): WebAssembly.Module {
  const module = loopModules.get(signature) ?? new WebAssembly.Module(link([signature]));
  loopModules.set(signature, module);
  return module;
}
