// Answers with what the chains of unconfigured.mjs come to here. Bundled by wrangler.mjs.

import kernels from "lanestep/kernels.wasm";
import warmed from "lanestep/warmed.wasm";
import own from "./own.wasm";
import { run, start } from "./unconfigured.mjs";

/** @type {Record<string, Parameters<typeof start>>} */
const ways = {
  usual: ["usual"],
  unusual: ["unusual"],
  baked: ["own", { module: own }],
  given: ["usual", { kernels, module: warmed }],
};
const started = Object.fromEntries(Object.entries(ways).map(([way, args]) => [way, start(...args)]));

export default {
  /** @param {Request} request */
  async fetch(request) {
    const way = new URL(request.url).pathname.slice(1);
    const [name, options] = ways[way];
    return Response.json(await run(name, started[way], options));
  },
};
