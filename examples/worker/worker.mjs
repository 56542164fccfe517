// @ts-check
// Ranks items for a reader, and learns from each click: a small model a reader, at the edge. From the root of a clone of
// the repository (in a project of your own: npm i lanestep, the same bake, and npx wrangler dev):
//
//   npm ci
//   npx lanestep bake examples/worker/chain.mjs
//   mkdir -p build/readers
//   npx -y workerd serve examples/worker/config.capnp
//   curl -d '{"item":["topic:chess","lang:en"],"clicked":true}' http://127.0.0.1:8787/ada/learn
//   curl -d '{"items":[["topic:golf"],["topic:chess"]]}' http://127.0.0.1:8787/ada/rank
//   curl http://127.0.0.1:8787/ada
//   curl -O http://127.0.0.1:8787/ada/model.safetensors
//
// A reader's model is a Durable Object: there is one of it in the world, so that a reader's requests come to one optimizer,
// one after the other, and its storage is its own. A plain key-value store (get the checkpoint, step, put it) is wrong: of
// two requests at once both get the same checkpoint, and the one that puts last overwrites the other's step. Workers KV
// besides may go on answering with an old value for a minute.
//
// Workers compile no WebAssembly at run time: the chain's loops are linked ahead, and imported.

import update from "./chain.mjs";
import module from "./chain.wasm";
import { createParams, learn, predict } from "./model.mjs";
import { readCheckpoint, writeCheckpoint } from "./store.mjs";

/**
 * What of the engine's own objects is used here.
 * @typedef {{ fetch(request: Request): Promise<Response> }} Stub
 * @typedef {{ READERS: { idFromName(name: string): unknown, get(id: unknown): Stub } }} Env
 * @typedef State
 * @property {import("./store.mjs").Storage} storage
 * @property {(body: () => Promise<void>) => Promise<void>} blockConcurrencyWhile
 * @property {(reason: string) => never} abort
 */

const LIMIT = 100;
const BODY_BYTES = 2 ** 16;

export class Reader {
  /** @param {State} state */
  constructor(state) {
    this.state = state;
    this.optimizer = update.initSync(createParams(), { module });
    // An object is ended when it is idle, and made anew by the next request. Restoring awaits: without the block, requests
    // would come in meanwhile and find a model that knows nothing.
    state.blockConcurrencyWhile(async () => {
      const saved = await readCheckpoint(state.storage);
      if (saved) await this.optimizer.load(saved);
    });
  }

  /** @param {Request} request */
  async fetch(request) {
    const [, , action] = new URL(request.url).pathname.split("/");
    // The object's input gate holds other requests back while its storage is awaited, and then alone: while a body is awaited
    // they come in. So the order of steps is that in which bodies are there.
    const body = request.method === "POST" ? await request.json().catch(() => null) : undefined;
    // From here on nothing is awaited: step and storage change together, and no other request comes in between. The output
    // gate holds the answer back until what was written is on the disk.
    const { optimizer } = this;
    if (body === undefined && action === "model.safetensors") return new Response(optimizer.save());
    if (body === undefined && !action) return Response.json({ count: optimizer.count, backend: optimizer.backend });
    if (body !== undefined && action === "rank") return this.rank(body);
    if (body !== undefined && action === "learn") return this.learn(body);
    return refusal(404, "there are POST rank, POST learn, GET model.safetensors");
  }

  /** The items' places, the likeliest first. @param {any} body */
  rank(body) {
    const items = body?.items;
    if (!Array.isArray(items) || items.length > LIMIT || !items.every(isItem)) {
      return refusal(400, `expected up to ${LIMIT} items such as {"items":[["topic:chess","lang:en"]]}`);
    }
    const likely = items.map((item) => predict(this.optimizer.params, item));
    const order = [...items.keys()].sort((a, b) => likely[b] - likely[a]);
    return Response.json({ order, likely, count: this.optimizer.count });
  }

  /** @param {any} body */
  learn(body) {
    if (!isItem(body?.item) || typeof body.clicked !== "boolean") {
      return refusal(400, 'expected what a reader did, such as {"item":["topic:chess","lang:en"],"clicked":true}');
    }
    const { optimizer, state } = this;
    learn(optimizer, body.item, body.clicked);
    try {
      writeCheckpoint(state.storage, optimizer.saveChunks());
    } catch (error) {
      // The model is a step ahead of what is kept: the next request makes the object anew, from what is kept.
      state.abort(`the step was not kept: ${error}`);
    }
    return Response.json({ count: optimizer.count, likely: predict(optimizer.params, body.item) });
  }
}

/** @param {any} item */
const isItem = (item) =>
  Array.isArray(item) && item.length <= LIMIT && item.every((feature) => typeof feature === "string");

/** @param {number} status @param {string} message */
const refusal = (status, message) => new Response(`${message}\n`, { status });

/** A body, null if it is too large: of such a one no more is read than shows it. @param {Request} request */
async function bodyOf(request) {
  if (Number(request.headers.get("content-length")) > BODY_BYTES) return null;
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const chunks = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.length;
    if (size > BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return new Blob(chunks).arrayBuffer();
}

export default {
  /** @param {Request} request @param {Env} env */
  async fetch(request, env) {
    // Whose model it is, a real worker takes from the session, not from the path.
    const [, reader] = new URL(request.url).pathname.split("/");
    if (!/^[\w-]{1,64}$/.test(reader)) return refusal(404, "expected a reader's name in the path, as in /ada/rank");
    const object = env.READERS.get(env.READERS.idFromName(reader));
    if (request.method !== "POST") return object.fetch(request);
    // Whoever sends it, an object is asked with what it can hold.
    const body = await bodyOf(request);
    if (!body) return refusal(413, `expected a body of up to ${BODY_BYTES} bytes`);
    return object.fetch(new Request(request.url, { method: "POST", body }));
  },
};
