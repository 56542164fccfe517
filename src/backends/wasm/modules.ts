// Compiled modules, shared by all memories: the kernels, and one module a linked loop, cached by its signature.

import { kernels } from "../../generated/kernels.ts";
import { link } from "../../link/link.ts";
import type { KernelRule } from "../../updates/rule.ts";

/** Pages of a memory that small arenas share. */
export const SHARED_PAGES = 16;

let sharedKernels: WebAssembly.Module | undefined;
/** By signature, or by a kernel's name. */
const modules = new Map<string, WebAssembly.Module>();

/**
 * The kernels with a memory of its final size: after a `memory.grow` V8 no longer trusts any array buffer to stay, and
 * the caller's own loops over typed arrays take 1.3 to 1.7 times as long.
 */
function kernelBytes(pages: number): Uint8Array<ArrayBuffer> {
  const { hex, pagesAt } = kernels;
  const bytes = bytesOf(hex);
  for (let k = 0; k < 3; k++) bytes[pagesAt + k] = ((pages >>> (7 * k)) & 127) | (k < 2 ? 128 : 0);
  return bytes;
}

/**
 * Kernels are kept in hexadecimal: gzipped it is a fifth smaller than base64, as the bytes keep their places, and no
 * engine needs to help. Four bytes are read at a time: one by one they take a millisecond of the first `init`.
 */
function bytesOf(hex: string): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(hex.length / 2);
  for (let i = 0; i < bytes.length; i += 4) {
    const word = parseInt(hex.slice(2 * i, 2 * i + 8).padEnd(8, "0"), 16);
    for (let k = 0; k < 4; k++) bytes[i + k] = word >>> (24 - 8 * k); // nothing behind the end
  }
  return bytes;
}

/** @throws WebAssembly.CompileError (or what the engine's policy throws) where nothing may be compiled */
export function compileKernels(pages: number): WebAssembly.Module {
  if (pages !== SHARED_PAGES) return new WebAssembly.Module(kernelBytes(pages));
  sharedKernels ??= new WebAssembly.Module(kernelBytes(pages));
  return sharedKernels;
}

function compileOnce(name: string, bytes: () => Uint8Array<ArrayBuffer>): WebAssembly.Module {
  const module = modules.get(name) ?? new WebAssembly.Module(bytes());
  modules.set(name, module);
  return module;
}

export const compileLoop = (signature: string): WebAssembly.Module => compileOnce(signature, () => link([signature]));

/** The kernel of a rule. */
export const compileKernel = ({ kernel, module }: Pick<KernelRule<never>, "kernel" | "module">): WebAssembly.Module =>
  compileOnce(kernel, () => bytesOf(module()));
