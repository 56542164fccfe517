// @ts-check
// Compiles the AssemblyScript and the C peer into bench/build/.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

export const wasmPath = `${here}build/adamw.wasm`;

/**
 * Two ways to compile the C: the peer is the faster one. `-fno-math-errno` changes no result; without it sqrtf is a
 * call that sets errno, and no compiler uses vectors.
 */
export const natives = [
  { name: "C -O3", flags: ["-O3", "-march=native", "-fno-math-errno"], path: `${here}build/adamw-strict` },
  { name: "C -ffast-math", flags: ["-O3", "-march=native", "-ffast-math"], path: `${here}build/adamw-fast` },
].map((native) => ({ ...native, exists: () => existsSync(native.path) }));

export function buildAssemblyScript() {
  mkdirSync(`${here}build`, { recursive: true });
  const asc = fileURLToPath(import.meta.resolve("assemblyscript/bin/asc.js"));
  const paths = [`${here}assembly/adamw.ts`, "--baseDir", here, "--outFile", wasmPath];
  const options = ["-O3", "--converge", "--runtime", "stub", "--enable", "simd", "--noAssert", "--importMemory"];
  execFileSync(process.execPath, [asc, ...paths, ...options], { stdio: "inherit" });
}

/**
 * Compiles the C where a compiler is.
 * @returns {{ compiler: string | null, reason: string | null }} its version, or why there is no native peer
 */
export function buildNative() {
  removeNative(); // an older build is no peer of today's source
  const candidates = process.env.CC ? [process.env.CC] : ["cc", "gcc", "clang"];
  const compiler = candidates.find((name) => spawnSync(name, ["--version"]).status === 0);
  if (!compiler) return { compiler: null, reason: `no C compiler (${candidates.join(", ")})` };
  for (const { flags, path } of natives) {
    const result = spawnSync(compiler, [...flags, `${here}native/adamw.c`, "-lm", "-o", path], { encoding: "utf8" });
    if (result.status !== 0) {
      removeNative();
      return { compiler: null, reason: `${compiler} failed: ${result.stderr.trim()}` };
    }
  }
  const version = execFileSync(compiler, ["--version"], { encoding: "utf8" }).split("\n")[0];
  return { compiler: version ?? compiler, reason: null };
}

function removeNative() {
  for (const { path } of natives) rmSync(path, { force: true });
}
