// What not to do: the model of examples/worker kept in a plain key-value store. Two requests at once lose a step, which
// example-worker.mjs shows.

import update from "./chain.mjs";
import module from "./chain.wasm";
import { createParams, learn } from "./model.mjs";

export default {
  async fetch(request, env) {
    const { item, clicked } = await request.json();
    const saved = await env.KV.get("ada", "arrayBuffer");
    const optimizer = update.initSync(createParams(), { module });
    if (saved) await optimizer.load(new Uint8Array(saved));
    learn(optimizer, item, clicked);
    await env.KV.put("ada", optimizer.save());
    return Response.json({ count: optimizer.count });
  },
};
