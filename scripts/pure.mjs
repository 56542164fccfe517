// Says of the constants at the top of a file that making one does nothing else: Rollup finds that out by itself, esbuild takes
// every call and every spread for an effect, and keeps what nobody uses.

import MagicString from "magic-string";

/** What esbuild takes for an effect. */
const EFFECTS = new Set(["CallExpression", "MemberExpression", "NewExpression", "SpreadElement"]);

/** @param {unknown} node of a syntax tree @returns {boolean} whether running it runs one of these */
function mayHaveEffects(node) {
  if (typeof node !== "object" || node === null) return false;
  const { type } = /** @type {{ type?: string }} */ (node);
  if (type?.endsWith("FunctionExpression")) return false;
  return EFFECTS.has(type ?? "") || Object.values(node).some(mayHaveEffects);
}

/** @returns {import("rollup").OutputPlugin} to run behind the minifier, which would take the calls apart */
export function pureConstants() {
  return {
    name: "pure-constants",
    renderChunk(code) {
      const text = new MagicString(code);
      for (const statement of this.parse(code).body) {
        if (statement.type !== "VariableDeclaration" || statement.kind !== "const") continue;
        for (const { init } of /** @type {any[]} */ (statement.declarations)) {
          if (!mayHaveEffects(init)) continue;
          const isCall =
            /^(Call|New)Expression$/.test(init.type) && ![init.callee, init.arguments].some(mayHaveEffects);
          const isObject = init.type === "ObjectExpression"; // which behind an arrow would be a block
          text.appendLeft(init.start, `/*@__PURE__*/${isCall ? "" : isObject ? "(()=>(" : "(()=>"}`);
          text.appendRight(init.end, isCall ? "" : isObject ? "))()" : ")()");
        }
      }
      return { code: text.toString(), map: text.generateMap({ hires: "boundary" }) };
    },
  };
}
