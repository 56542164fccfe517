// @ts-check
// The golden cases in an engine that runs scripts: prints what has been held as a line of JSON.

import { readFile } from "node:fs/promises";
import process from "node:process";
import { holdGolden } from "./golden.mjs";

const [texts = ""] = process.argv.slice(2);
console.log(JSON.stringify(holdGolden(JSON.parse(await readFile(texts, "utf8")))));
