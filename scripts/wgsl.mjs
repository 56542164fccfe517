// Gathers the WGSL beside the bodies and kernels of assembly/: functions by name, with what their parameters are called.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Without comments and layout: it is shipped as it stands here. */
const squeeze = (/** @type {string} */ text) =>
  text
    .replace(/\/\/.*$/gm, "")
    .replace(/\s+/g, " ")
    .replace(/ ?([{}();,:=+<>|&^]|->) ?/g, "$1") // not around - and / *: "a - -b", "a / *b" would be other words
    .replace(/,\)/g, ")")
    .trim();

/**
 * @param {string} text of a file
 * @returns {[name: string, { slots: string[], constants: string[], text: string }][]} `slots`: parameters that are pointers;
 *   `constants`: those that are numbers
 */
function readFunctions(text) {
  return [...text.replace(/\/\/.*$/gm, "").matchAll(/fn (\w+)\(([^)]*)\)[^{]*\{[\s\S]*?^\}/gm)].map(
    ([all, name = "", list = ""]) => {
      const parameters = [...list.matchAll(/(\w+): (ptr<[^>]*>|[\w<>]+)/g)];
      const of = (/** @type {RegExp} */ type) =>
        parameters.filter(([, , of = ""]) => type.test(of)).map(([, parameter = ""]) => parameter);
      return [name, { slots: of(/^ptr/), constants: of(/^f32$/), text: squeeze(all) }];
    },
  );
}

/** @param {string} assembly the folder @returns what src/generated/wgsl.ts exports, by name */
export function readWgsl(assembly) {
  const read = (/** @type {string} */ file) => readFileSync(join(assembly, file), "utf8");
  const bodies = readdirSync(join(assembly, "bodies"))
    .filter((file) => file.endsWith(".wgsl") && file !== "norms.wgsl")
    .flatMap((file) => readFunctions(read(`bodies/${file}`)));
  // Of a factor the two norms are numbers too.
  const factors = readFunctions(read("bodies/norms.wgsl")).map(([name, { constants, text }]) => {
    return [name, { options: constants.slice(2), text }];
  });
  return {
    lanes: squeeze(read("lanes.wgsl")),
    bodies: Object.fromEntries(bodies.sort()),
    factors: Object.fromEntries(factors),
    kernels: { flush: squeeze(read("kernels/flush.wgsl")), noise: squeeze(read("kernels/noise.wgsl")) },
  };
}
