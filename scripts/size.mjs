// The sizes that the package promises. Printed by the build; run by itself, it fails where one is past its limit. (Not
// the build: another version of zlib may need some bytes more, and `npm ci` must not fail for that.)

import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

/** Bytes gzipped; the default import holds the kernels too. */
const limits = { "index.js": 20_000, "kernels.wasm": 6_000, "warmed.wasm": Number.POSITIVE_INFINITY };

/** @returns {string[]} what is past its limit */
export function printSizes() {
  return Object.entries(limits).flatMap(([name, limit]) => {
    const size = gzipSync(readFileSync(new URL(`../dist/${name}`, import.meta.url)), { level: 9 }).length;
    const limited = Number.isFinite(limit) ? `, limit ${limit}` : ", a file of its own";
    console.log(`dist/${name}: ${size} bytes gzipped${limited}`);
    return size > limit ? [name] : [];
  });
}

if (import.meta.url === `file://${process.argv[1]}` && printSizes().length > 0) process.exit(1);
