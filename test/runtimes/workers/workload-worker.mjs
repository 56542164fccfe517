// Answers with the report of the workload in workerd: with modules of WebAssembly, or without. See workerd-rows.mjs.

import { answer } from "./answer.mjs";
import loops from "./loops.wasm";
import kernels from "./node_modules/lanestep/dist/kernels.wasm";
import warmed from "./node_modules/lanestep/dist/warmed.wasm";

export default {
  /** @param {Request} request */
  async fetch(request) {
    const modules = request.url.endsWith("/modules") ? { kernels, warmed, loops } : null;
    return Response.json(
      await answer(
        () => import("./workload.mjs"),
        async () => modules,
      ),
    );
  },
};
