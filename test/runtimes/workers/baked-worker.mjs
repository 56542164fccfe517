// Answers with what the steps of baked.mjs come to here, with one module of loops or another.

import kernels from "lanestep/kernels.wasm";
import warmed from "lanestep/warmed.wasm";
import { run } from "./baked.mjs";
import baked from "./baked.wasm";
import other from "./other.wasm";

const modules = { baked, other, warmed };

export default {
  async fetch(request) {
    const name = new URL(request.url).pathname.slice(1);
    try {
      return Response.json(await run({ kernels, module: modules[name] }));
    } catch (error) {
      return Response.json({ error: String(error) });
    }
  },
};
