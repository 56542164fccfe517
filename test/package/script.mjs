// What a script takes from elsewhere, read from its syntax tree.

import { runInNewContext } from "node:vm";
import { parseAst } from "rollup/parseAst";

/** @typedef {{ type: string, [key: string]: any }} Node */

/** Those of the language: a context that has no others; without what makes code of text, and what a host adds. */
const language = new Set(
  runInNewContext("Object.getOwnPropertyNames(globalThis)").filter(
    (/** @type {string} */ name) => !["console", "eval", "Function"].includes(name),
  ),
);

/**
 * @param {string} code
 * @returns {{ imports: string[], exports: string[], globals: string[] }} sorted. `imports`: of dynamic ones those that are
 *   literals; `globals`: names that are declared nowhere in the script, and are not the language's
 */
export function scriptOf(code) {
  const imports = new Set();
  const exports = new Set();
  const declared = new Set(["arguments"]);
  const used = new Set();

  const declare = (/** @type {Node | null} */ pattern) => {
    if (pattern?.type === "Identifier") declared.add(pattern.name);
    else if (pattern?.type === "ObjectPattern") for (const p of pattern.properties) declare(p.value ?? p.argument);
    else if (pattern?.type === "ArrayPattern") pattern.elements.forEach(declare);
    else if (pattern?.type === "AssignmentPattern") declare(pattern.left);
    else if (pattern?.type === "RestElement") declare(pattern.argument);
  };

  const walk = (/** @type {any} */ node, /** @type {Node} */ parent, /** @type {string} */ key) => {
    if (Array.isArray(node)) for (const inner of node) walk(inner, parent, key);
    if (typeof node?.type !== "string") return;
    const { type } = node;
    if (type === "VariableDeclarator" || /Function|Class/.test(type)) declare(node.id);
    if (/Function/.test(type)) node.params.forEach(declare);
    if (type === "CatchClause") declare(node.param);
    if (/^Import.*Specifier$/.test(type)) declare(node.local);
    if (type === "ExportSpecifier") exports.add(node.exported.name);
    if (node.source?.type === "Literal") imports.add(node.source.value);
    if (type === "Identifier" && !isName(parent, key)) used.add(node.name);
    for (const [name, inner] of Object.entries(node)) walk(inner, node, name);
  };
  walk(parseAst(code), { type: "" }, "");
  const globals = [...used].filter((name) => !declared.has(name) && !language.has(name));
  return { imports: [...imports].sort(), exports: [...exports].sort(), globals: globals.sort() };
}

/** Whether an identifier there is the name of a property, an export or a label, not of a variable. */
const isName = (/** @type {Node} */ { type, computed }, /** @type {string} */ key) =>
  /Specifier$|^MetaProperty$/.test(type) || key === "label" || (!computed && (key === "property" || key === "key"));
