// The sizes that the package promises. Printed by the build; run by itself, it fails where one is past its limit. (Not
// the build: another version of zlib may need some bytes more, and `npm ci` must not fail for that.)

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** Bytes gzipped, with all that is loaded with it; the default import holds the kernels too. */
const limits = {
  "index.js": 33_000,
  "kernels.wasm": 6_000,
  "warmed.wasm": Number.POSITIVE_INFINITY,
  "restore.js": Number.POSITIVE_INFINITY,
  "webgpu.js": Number.POSITIVE_INFINITY,
};

const read = (/** @type {string} */ name) => readFileSync(new URL(`../dist/${name}`, import.meta.url));

/** A file and those that it imports at once. @param {string} name @param {Set<string>} files */
function loadedWith(name, files = new Set()) {
  files.add(name);
  if (!name.endsWith(".js")) return files;
  for (const [, next] of read(name)
    .toString()
    .matchAll(/(?:from|import)"\.\/([^"]+)"/g)) {
    if (next && !files.has(next)) loadedWith(next, files);
  }
  return files;
}

/** @returns {string[]} what is past its limit */
export function printSizes() {
  return Object.entries(limits).flatMap(([name, limit]) => {
    const size = [...loadedWith(name)].reduce((sum, file) => sum + gzipSync(read(file), { level: 9 }).length, 0);
    const limited = Number.isFinite(limit) ? `, limit ${limit}` : ", a file of its own";
    console.log(`dist/${name}: ${size} bytes gzipped${limited}`);
    return size > limit ? [name] : [];
  });
}

if (import.meta.url === `file://${process.argv[1]}` && printSizes().length > 0) process.exit(1);
