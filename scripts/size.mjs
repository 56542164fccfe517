// The sizes that the package promises. Printed by the build; run by itself, it also bundles a page, and fails where one is
// past its limit. (Not the build: another version of zlib may need some bytes more, and `npm ci` must not fail for that.)

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import terser from "@rollup/plugin-terser";
import { rollup } from "rollup";

/** Bytes gzipped, with all that is loaded with it; the default import holds the kernels too. */
const limits = {
  "index.js": 33_900,
  "kernels.wasm": 6_000,
  "warmed.wasm": Number.POSITIVE_INFINITY,
  "restore.js": Number.POSITIVE_INFINITY,
  "webgpu.js": Number.POSITIVE_INFINITY,
};

/** Of what a bundler leaves in this page, with all that it loads at once. */
const pageLimit = 24_200;
const page = `import { adamw, chain, clipByGlobalNorm } from "lanestep";
export const start = (params) => chain(clipByGlobalNorm(), adamw()).init(params);`;

const place = (/** @type {string} */ name) => new URL(`../dist/${name}`, import.meta.url);
const read = (/** @type {string} */ name) => readFileSync(place(name));
const gzipped = (/** @type {string | Buffer} */ code) => gzipSync(code, { level: 9 }).length;

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
    const size = [...loadedWith(name)].reduce((sum, file) => sum + gzipped(read(file)), 0);
    const limited = Number.isFinite(limit) ? `, limit ${limit}` : ", a file of its own";
    console.log(`dist/${name}: ${size} bytes gzipped${limited}`);
    return size > limit ? [name] : [];
  });
}

async function pageSize() {
  const files = { page: "\0page", lanestep: fileURLToPath(place("index.js")) };
  const build = await rollup({
    input: "page",
    plugins: [
      {
        name: "page",
        resolveId: (id) => files[/** @type {keyof typeof files} */ (id)],
        load: (id) => (id === files.page ? page : null),
      },
    ],
  });
  const { output } = await build.generate({ format: "es", plugins: [terser({ module: true })] });
  await build.close();
  const [first, ...others] = output;
  return others
    .flatMap((chunk) => (chunk.type === "chunk" && first.imports.includes(chunk.fileName) ? [chunk.code] : []))
    .reduce((sum, code) => sum + gzipped(code), gzipped(first.code));
}

if (import.meta.url === `file://${process.argv[1]}`) {
  const tooLarge = printSizes();
  const size = await pageSize();
  console.log(`a page with AdamW and clipping: ${size} bytes gzipped, limit ${pageLimit}`);
  if (size > pageLimit || tooLarge.length > 0) process.exit(1);
}
