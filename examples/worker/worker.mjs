// @ts-check
// Learns y = w·x + b while it answers: each POST of a sample, {"x":[1,2],"y":3}, is one step.
//
// Workers compile no WebAssembly at run time: both modules are imported, the chain's own is linked ahead. From the root:
//
//   npm ci
//   npx lanestep bake examples/worker/chain.mjs
//   npx -y workerd serve examples/worker/config.capnp
//   curl -d '{"x":[1,2],"y":3}' http://127.0.0.1:8787

import kernels from "lanestep/kernels.wasm";
import update from "./chain.mjs";
import module from "./chain.wasm";

// An isolate may be ended at any time, and others may run beside it: what is to last goes with `optimizer.save()` into
// storage, and comes back with `update.restore(bytes, undefined, { kernels, module })`.
const optimizer = update.initSync({ w: { shape: [2] }, b: 0 }, { kernels, module });

export default {
  /** @param {Request} request */
  async fetch(request) {
    if (request.method === "POST") {
      const sample = await request.json().catch(() => null);
      const numbers = [...(sample?.x ?? []), sample?.y];
      // A NaN would stay in the parameters for ever.
      if (numbers.length !== 3 || !numbers.every(Number.isFinite)) {
        return new Response('expected a sample such as {"x":[1,2],"y":3}\n', { status: 400 });
      }
      const { x, y } = sample;
      const { params, grads } = optimizer;
      const error = x[0] * params.w[0] + x[1] * params.w[1] + params.b[0] - y;
      grads.w.set([error * x[0], error * x[1]]);
      grads.b.set([error]);
      optimizer.step();
    }
    const { w, b } = optimizer.params;
    const { count, backend } = optimizer;
    return Response.json({ w: Array.from(w), b: b[0], count, backend });
  },
};
