// @ts-check
// engine.mjs by Deno's own WebGPU.

import * as lanestep from "../../dist/index.js";
import { deviations } from "./engine.mjs";

console.log(JSON.stringify(await deviations(/** @type {never} */ (lanestep))));
