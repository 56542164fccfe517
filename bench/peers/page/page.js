// @ts-check
// One size in a page: its plan stands in the address, its result goes to /report.

import { measureTensorFlow } from "../../adapters/tensorflow.js";
import { setWasmPaths } from "../backends.js";

/** @returns {Promise<object>} */
async function measure() {
  try {
    const plan = JSON.parse(decodeURIComponent(location.hash.slice(1)));
    setWasmPaths(new URL("./", location.href).href);
    return { result: await measureTensorFlow(plan) };
  } catch (error) {
    return { error: /** @type {Error} */ (error).stack ?? String(error) };
  }
}

await fetch("/report", { method: "POST", body: JSON.stringify(await measure()) });
