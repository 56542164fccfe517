// Engines that compile nothing, and copies of the library that have not compiled anything yet.

import { vi } from "vitest";
import type * as lanestep from "../../src/index.ts";

const own = { Module: WebAssembly.Module, Instance: WebAssembly.Instance, compile: WebAssembly.compile };

/** The compiler itself, whatever is refused. */
export const moduleOf = (bytes: Uint8Array): WebAssembly.Module => new own.Module(bytes as Uint8Array<ArrayBuffer>);

/** A constructor that throws. */
const refusing = <Target extends object>(target: Target, refusal: Error): Target =>
  new Proxy(target, {
    construct() {
      throw refusal;
    },
  });

/** As under a Content-Security-Policy without `wasm-unsafe-eval`, or in workerd. */
export function refuseToCompile(): void {
  const refusal = new WebAssembly.CompileError("code generation disallowed");
  WebAssembly.Module = refusing(own.Module, refusal);
  WebAssembly.compile = () => Promise.reject(refusal);
}

/** As in WebKit under such a policy, which compiles, or in an engine that has no memory left. */
export function refuseInstances(refusal: Error): void {
  WebAssembly.Instance = refusing(own.Instance, refusal);
}

/** The engine is again what it was. */
export const restoreCompiler = (): void => void Object.assign(WebAssembly, own);

/** Runs something as in an engine that compiles nothing. */
export function compilingNothing<T>(run: () => T): T {
  refuseToCompile();
  try {
    return run();
  } finally {
    restoreCompiler();
  }
}

/** A copy of the library that has compiled nothing yet. */
export async function freshLibrary(): Promise<typeof lanestep> {
  vi.resetModules();
  return import("../../src/index.ts");
}
