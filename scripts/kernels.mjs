// Divides kernels.wasm for the default import, where bundlers leave out what is not used: the kernels that any chain may
// want, and those of single rules, a module each. (The file itself keeps them all, for engines that take it as it is.)

import binaryen from "binaryen";

/** Kernels of rules, by their names: they import `env.memory`. */
const OF_RULES = ["addNoise", "centralize"];

/** @param {Buffer} wasm @param {(name: string) => boolean} wanted */
function part(wasm, wanted, importsMemory = false) {
  const module = binaryen.readBinary(new Uint8Array(wasm));
  module.setFeatures(binaryen.Features.SIMD128 | binaryen.Features.BulkMemory);
  const exported = Array.from({ length: module.getNumExports() }, (_, i) =>
    binaryen.getExportInfo(module.getExportByIndex(i)),
  );
  for (const { name, value } of exported) {
    if (importsMemory && name === "memory") module.addMemoryImport(value, "env", "memory");
    if (!wanted(name)) module.removeExport(name);
  }
  module.runPasses(["remove-unused-module-elements"]);
  return Buffer.from(module.emitBinary());
}

/**
 * @param {Buffer} wasm the compiled assembly/index.ts
 * @returns {{ shared: Buffer, ofRules: Record<string, Buffer> }}
 */
export function divideKernels(wasm) {
  const ofRules = OF_RULES.map((rule) => {
    const own = part(wasm, (name) => name === rule, true);
    const least = own.indexOf(Buffer.from([..."memory"].map((c) => c.charCodeAt(0)).concat(2, 0, 16))) + 8;
    if (least < 8) throw new Error(`the kernel ${rule} imports no memory of 16 pages`);
    own[least] = 0; // any memory will do
    return [rule, own];
  });
  return { shared: part(wasm, (name) => !OF_RULES.includes(name)), ofRules: Object.fromEntries(ofRules) };
}
