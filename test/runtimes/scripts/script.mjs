// @ts-check
// The workload in an engine that runs scripts: prints its report as a line of JSON.

import { readFile } from "node:fs/promises";
import { report } from "./workload.mjs";

/** @param {string} name */
const moduleOf = async (name) => new WebAssembly.Module(await readFile(new URL(import.meta.resolve(name))));

const modules = {
  kernels: await moduleOf("lanestep/kernels.wasm"),
  warmed: await moduleOf("lanestep/warmed.wasm"),
  loops: await moduleOf("./loops.wasm"),
};
console.log(JSON.stringify(await report(modules, () => performance.now())));
