// @ts-check
// Compiles the AssemblyScript and the C peer into bench/build/.

import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));

/** @typedef {{ name: string, flags: string[], path: string, exists: () => boolean }} Native */

export const wasmPath = `${here}build/adamw.wasm`;
export const floorPath = `${here}build/floor.wasm`;
export const naivePath = `${here}build/naive.wasm`;

/**
 * Neither changes a result: without the first sqrtf is a call that sets errno, without the second a selection is a
 * branch, and no compiler uses vectors.
 */
const strict = ["-O3", "-fno-math-errno", "-fno-trapping-math"];

/**
 * @param {string} name
 * @param {string} file
 * @param {string[]} flags
 * @returns {Native}
 */
function native(name, file, flags) {
  const path = `${here}build/${file}`;
  return { name, flags, path, exists: () => existsSync(path) };
}

/** Two ways to compile the C: the peer is the faster one. */
export const natives = [
  native("C -O3", "rules-strict", [...strict, "-march=native"]),
  native("C -ffast-math", "rules-fast", ["-O3", "-march=native", "-ffast-math"]),
];
/** The C with lanes as wide as WebAssembly's, and without fused multiplication and addition. */
export const sameLanes = native("C, 128-bit lanes", "rules-128", [
  ...strict,
  ...(process.arch === "x64" ? ["-msse4.1", "-mno-avx"] : ["-ffp-contract=off"]),
]);

export function buildAssemblyScript() {
  mkdirSync(`${here}build`, { recursive: true });
  const asc = fileURLToPath(import.meta.resolve("assemblyscript/bin/asc.js"));
  const options = ["-O3", "--converge", "--runtime", "stub", "--enable", "simd", "--noAssert", "--importMemory"];
  for (const [source, path] of /** @type {const} */ ([
    ["adamw", wasmPath],
    ["floor", floorPath],
    ["naive", naivePath],
  ])) {
    const paths = [`${here}assembly/${source}.ts`, "--baseDir", here, "--outFile", path];
    execFileSync(process.execPath, [asc, ...paths, ...options], { stdio: "inherit" });
  }
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
  for (const { flags, path } of [...natives, sameLanes]) {
    const result = spawnSync(compiler, [...flags, `${here}native/rules.c`, "-lm", "-o", path], { encoding: "utf8" });
    if (result.status !== 0) {
      removeNative();
      return { compiler: null, reason: `${compiler} failed: ${result.stderr.trim()}` };
    }
  }
  const version = execFileSync(compiler, ["--version"], { encoding: "utf8" }).split("\n")[0];
  return { compiler: version ?? compiler, reason: null };
}

function removeNative() {
  for (const { path } of [...natives, sameLanes]) rmSync(path, { force: true });
}
