// What every first `init` calls is compiled when the file loads. An engine reads a function only for its end, and reads it
// again when it is first called: for the 300 functions of a first `init` that is most of its time. One that stands in
// parentheses is compiled at once (V8 takes it for one that is called right there); an arrow function has to become another
// for that. Import and first `init` together take 0.9 of the time in Node, the first `init` alone 0.6; in Deno 0.8 and 0.45.
// https://v8.dev/blog/preparser#pife

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import MagicString from "magic-string";

const usual = (/** @type {string} */ entry) => `
  const { adamw, chain, clipByGlobalNorm } = await import("${pathToFileURL(entry)}");
  const update = chain(clipByGlobalNorm(), adamw());
  const optimizer = await update.init({ kernel: new Float32Array(4), bias: { shape: [2] } });
  optimizer.grads.kernel.fill(1);
  optimizer.step();`;

/** @typedef {ReadonlySet<string>} Called by file, begin and end */

const placeOf = (/** @type {string} */ file, /** @type {{ start: number, end: number }} */ { start, end }) =>
  `${file} ${start} ${end}`;

/** The functions that are called from the import to the first step, in a process of its own. @returns {Called} */
export function calledAtFirst(/** @type {string} */ entry) {
  const folder = mkdtempSync(join(tmpdir(), "called-"));
  try {
    const env = { ...process.env, NODE_V8_COVERAGE: folder };
    execFileSync(process.execPath, ["--input-type=module", "--eval", usual(entry)], { env, stdio: "inherit" });
    const [report] = readdirSync(folder);
    const { result } = JSON.parse(readFileSync(join(folder, report ?? ""), "utf8"));
    const folderOfEntry = pathToFileURL(dirname(entry)).href;
    const called = result
      .filter((/** @type {any} */ { url }) => url.startsWith(folderOfEntry))
      .flatMap((/** @type {any} */ { url, functions }) =>
        functions
          .map((/** @type {any} */ { ranges }) => ranges[0])
          .filter((/** @type {any} */ { count }) => count > 0)
          .map((/** @type {any} */ { startOffset: start, endOffset: end }) => placeOf(basename(url), { start, end })),
      );
    if (called.length === 0) throw new Error(`the engine reports no function that ${entry} calls`);
    return new Set(called);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Whether an arrow function takes something from around it that another function has of its own. @param {any} node @returns {boolean} */
function isBound(node) {
  if (typeof node !== "object" || node === null) return false;
  if (/^(ThisExpression|Super|MetaProperty)$/.test(node.type) || node.name === "arguments") return true;
  return !/^Function/.test(node.type) && Object.values(node).some(isBound);
}

/** @param {Called} called in the same code: this plugin is the last @returns {import("rollup").OutputPlugin} */
export function compileAtOnce(called) {
  return {
    name: "compile-at-once",
    renderChunk(code, { fileName }) {
      const text = new MagicString(code);
      const walk = (/** @type {any} */ node, isTop = false) => {
        if (typeof node !== "object" || node === null) return;
        // What is within comes first: of two functions that end in one place, the inner one has to be closed first.
        for (const part of Object.values(node)) walk(part);
        if (!called.has(placeOf(fileName, node))) return;
        const { type, start, end, id, params, body } = node;
        if (type === "FunctionDeclaration" && isTop && !node.async && !node.generator) {
          // Others use it before its place.
          text.update(start, id.end, `var ${id.name}=(function`).appendLeft(end, ");");
          if (start > 0) text.move(start, end, 0);
        } else if (type === "ArrowFunctionExpression" && !node.async && !isBound(node)) {
          const list = params.map((/** @type {any} */ each) => code.slice(each.start, each.end)).join();
          if (/=>|function/.test(list)) return;
          const isBlock = body.type === "BlockStatement";
          text.update(start, body.start, `(function(${list})${isBlock ? "" : "{return "}`);
          if (body.end < end) text.remove(body.end, end);
          text.appendLeft(body.end, isBlock ? ")" : "})");
        }
      };
      for (const statement of this.parse(code).body) walk(statement, true);
      return { code: text.toString(), map: text.generateMap({ hires: "boundary" }) };
    },
  };
}
