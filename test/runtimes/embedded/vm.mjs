// @ts-check
// A context of Node's `vm` with nothing but what ECMAScript and WebAssembly give, or ECMAScript alone (`--no-wasm`):
// evaluates a script whose value is the promise of a string, and prints that.

import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { constants, createContext, runInContext } from "node:vm";

const [script = "", ...without] = argv.slice(2);
const context = createContext(constants.DONT_CONTEXTIFY); // no object behind it: its globals are as fast as any
const names = without.includes("--no-wasm") ? "console, globalThis.WebAssembly" : "console";
runInContext(`delete globalThis.${names.replace(",", "; delete")}`, context);
console.log(await runInContext(readFileSync(script, "utf8"), context, { filename: script }));
