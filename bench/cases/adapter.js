// @ts-check
// One size of an adapter, in this process or in Chromium. Arguments: "node" or "chromium", a plan of ../adapters/contenders.js
// as JSON.

/** @import { AdapterPlan } from "../adapters/contenders.js" */

import { fileURLToPath } from "node:url";
import { report } from "../measure.js";

/** The folder's own packages may not be installed, so the types do not follow these imports. */
const load = (/** @type {string} */ file) => import(new URL(`../peers/${file}`, import.meta.url).href);

const [, , engine, text] = process.argv;
const plan = /** @type {AdapterPlan} */ (JSON.parse(/** @type {string} */ (text)));

async function measure() {
  if (engine === "chromium") return (await load("chromium.js")).measureInChromium(plan);
  await load("one-copy.js");
  const version = process.versions.node;
  if (plan.library === "jax") return { ...(await (await import("../adapters/jax.js")).measureJax(plan)), version };
  const { setWasmPaths } = await load("backends.js");
  setWasmPaths(fileURLToPath(new URL("../peers/node_modules/@tensorflow/tfjs-backend-wasm/dist/", import.meta.url)));
  return { ...(await (await import("../adapters/tensorflow.js")).measureTensorFlow(plan)), version };
}

report(await measure());
