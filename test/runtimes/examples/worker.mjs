// @ts-check
// The checks of the example that is a worker, in workerd: a reader's model in a Durable Object, on disk.

import assert from "node:assert/strict";
import { once } from "node:events";
import { cp, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { fileURLToPath, pathToFileURL } from "node:url";
import { output } from "../processes.mjs";
import { inWorker } from "../workers/workerd.mjs";
import { bundleByWrangler } from "../workers/wrangler.mjs";
import { copyOf } from "./processes.mjs";

/** @typedef {{ item: readonly string[], clicked: boolean }} Sample */
/** @typedef {{ count: number, likely: number }} Learnt */

/** A copy whose chain is baked, and whose configuration finds lanestep in the project. @param {string} project */
async function bakedCopy(project) {
  const folder = await copyOf(project, "worker");
  await mkdir(join(folder, "readers"));
  const cli = join(project, "node_modules/lanestep/dist/cli.js");
  await output([process.execPath, cli, "bake", "chain.mjs"], { cwd: folder });
  const config = await readFile(join(folder, "config.capnp"), "utf8");
  const found = config.replaceAll("../../dist/", "../node_modules/lanestep/dist/");
  assert.notEqual(found, config);
  await writeFile(join(folder, "config.capnp"), found);
  return folder;
}

/**
 * @param {string} workerd @param {string} folder
 * @param {(origin: string) => Promise<void>} body
 * @param {string} config @param {string[]} options
 */
const serve = (workerd, folder, body, config = "config.capnp", ...options) =>
  inWorker(workerd, join(folder, config), (_, origin) => body(origin), [
    `--directory-path=readers=${join(folder, "readers")}`,
    ...options,
  ]);

/** What Node makes of samples, one after the other: its loops are linked. @param {string} folder */
async function inNode(folder) {
  const load = (/** @type {string} */ name) => import(pathToFileURL(join(folder, name)).href);
  const [{ default: update }, { createParams, learn }] = await Promise.all([load("chain.mjs"), load("model.mjs")]);
  return (/** @type {readonly Sample[]} */ samples) => {
    const optimizer = update.initSync(createParams());
    assert.equal(optimizer.backend.path, "linked");
    for (const { item, clicked } of samples) learn(optimizer, item, clicked);
    return Buffer.from(optimizer.save());
  };
}

/** What a reader does: nothing in it is the same for two of them. @param {number} reader @returns {Sample[]} */
const samplesOf = (reader, count = 100) =>
  Array.from({ length: count }, (_, i) => {
    const topic = (i * 7 + reader) % 5;
    return { item: [`topic:${topic}`, `author:${(i * 13) % 11}`, "lang:en"], clicked: topic === reader };
  });

/** @param {string} url @param {unknown} body */
async function post(url, body) {
  const response = await fetch(url, { method: "POST", body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return response.json();
}

/** One after the other. @param {string} url @param {readonly Sample[]} samples */
async function teach(url, samples) {
  for (const sample of samples) await post(`${url}/learn`, sample);
}

/** All at once: in the order in which they were learnt. @param {string} url @param {readonly Sample[]} samples */
async function teachAtOnce(url, samples) {
  const learnt = await Promise.all(
    samples.map(async (sample) => ({ sample, count: (await post(`${url}/learn`, sample)).count })),
  );
  learnt.sort((a, b) => a.count - b.count);
  assert.deepEqual(
    learnt.map(({ count }) => count),
    samples.map((_, i) => i + 1),
  );
  return learnt.map(({ sample }) => sample);
}

const model = async (/** @type {string} */ url) =>
  Buffer.from(await (await fetch(`${url}/model.safetensors`)).arrayBuffer());

/**
 * The answer to a request whose body begins and does not end.
 * @param {string} url @param {import("node:http").OutgoingHttpHeaders} headers @param {string} begin
 */
async function answerBeforeEnd(url, headers, begin) {
  const asked = request(url, { method: "POST", headers });
  asked.flushHeaders();
  if (begin !== "") asked.write(begin);
  const [response] = await once(asked, "response");
  const text = (await buffer(response)).toString();
  asked.destroy();
  return { status: response.statusCode, text };
}

/**
 * Workers KV as its binding asks for it, over HTTP. The first two that get a key are answered when both have asked: as it
 * comes about with two requests at once.
 * @param {(port: number) => Promise<void>} body
 */
async function withKeyValueStore(body) {
  /** @type {Map<string, Buffer>} */
  const values = new Map();
  /** @type {(() => void)[]} */
  const waiting = [];
  let asked = 0;
  const server = createServer(async (request, response) => {
    const key = /** @type {string} */ (request.url?.split("?")[0]);
    if (request.method === "PUT") {
      values.set(key, await buffer(request));
      response.end();
      return;
    }
    const value = values.get(key);
    const answer = () => response.writeHead(value ? 200 : 404).end(value);
    if (++asked > 2) answer();
    else waiting.push(answer);
    if (asked === 2) for (const each of waiting) each();
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  try {
    await body(/** @type {import("node:net").AddressInfo} */ (server.address()).port);
  } finally {
    server.closeAllConnections();
    await once(server.close(), "close");
  }
}

/** @type {Record<string, (project: string, workerd: string) => Promise<void>>} */
export const inWorkerd = {
  async "100 requests at once are 100 steps, with the bits of Node's linked loops"(project, workerd) {
    const folder = await bakedCopy(project);
    const here = await inNode(folder);
    await serve(workerd, folder, async (origin) => {
      const order = await teachAtOnce(`${origin}/ada`, samplesOf(2));
      const { count, backend } = await (await fetch(`${origin}/ada`)).json();
      assert.deepEqual([count, backend.name, backend.path], [100, "wasm", "warmed"]);
      assert.deepEqual(await model(`${origin}/ada`), here(order));
    });
  },

  async "readers at once: each has a model of its own, which has learnt"(project, workerd) {
    const folder = await bakedCopy(project);
    const here = await inNode(folder);
    await serve(workerd, folder, async (origin) => {
      const readers = [0, 1, 2, 3];
      const orders = await Promise.all(
        readers.map((reader) => teachAtOnce(`${origin}/reader-${reader}`, samplesOf(reader))),
      );
      for (const reader of readers) {
        assert.deepEqual(await model(`${origin}/reader-${reader}`), here(orders[reader]));
        const items = [0, 1, 2, 3, 4].map((topic) => [`topic:${topic}`, "lang:en"]);
        const { order, likely } = await post(`${origin}/reader-${reader}/rank`, { items });
        assert.equal(order[0], reader);
        assert.ok(likely[reader] > 2 * likely[order[1]]);
      }
      assert.equal((await (await fetch(`${origin}/nobody`)).json()).count, 0);
    });
  },

  async "50 requests, workerd killed and started again, and 50 more are 100, bit for bit"(project, workerd) {
    const folder = await bakedCopy(project);
    const here = await inNode(folder);
    const samples = samplesOf(1);
    await serve(workerd, folder, (origin) => teach(`${origin}/ada`, samples.slice(0, 50)));
    await serve(workerd, folder, async (origin) => {
      assert.deepEqual(await model(`${origin}/ada`), here(samples.slice(0, 50)));
      await teach(`${origin}/ada`, samples.slice(50));
      assert.deepEqual(await model(`${origin}/ada`), here(samples));
    });
  },

  async "over a plain key-value store two requests at once lose a step; here they do not"(project, workerd) {
    const folder = await bakedCopy(project);
    const here = await inNode(folder);
    const samples = samplesOf(2, 2);
    await cp(fileURLToPath(new URL("over-kv.mjs", import.meta.url)), join(folder, "over-kv.mjs"));
    const config = await readFile(join(folder, "config.capnp"), "utf8");
    // The same worker but for its store.
    const overKv = config
      .replace(
        '(name = "worker.mjs", esModule = embed "worker.mjs")',
        '(name = "over-kv.mjs", esModule = embed "over-kv.mjs")',
      )
      .replace(/ *(durableObjectNamespaces|durableObjectStorage) .*\n/g, "")
      .replace(/bindings = .*/, 'bindings = [(name = "KV", kvNamespace = "kv")],')
      .replace("services = [", 'services = [(name = "kv", external = (address = "127.0.0.1:1", http = ())),');
    await writeFile(join(folder, "over-kv.capnp"), overKv);
    await withKeyValueStore(async (port) => {
      const body = async (/** @type {string} */ origin) => {
        const counts = await Promise.all(samples.map(async (sample) => (await post(origin, sample)).count));
        assert.deepEqual(counts, [1, 1]);
        // What is kept has one of the two steps, whichever was put last: a third is the second.
        assert.equal((await post(origin, samples[0])).count, 2);
      };
      await serve(workerd, folder, body, "over-kv.capnp", `--external-addr=kv=127.0.0.1:${port}`);
    });
    await serve(workerd, folder, async (origin) => {
      const order = await teachAtOnce(`${origin}/ada`, samples);
      assert.deepEqual(await model(`${origin}/ada`), here(order));
    });
  },

  async "bundled by wrangler, as its configuration says: the same bits"(project, workerd) {
    const folder = await bakedCopy(project);
    const here = await inNode(folder);
    await bundleByWrangler(folder, "out");
    const bundled = (await readdir(join(folder, "out"))).filter((name) => /\.(js|wasm)$/.test(name));
    const modules = bundled
      .sort() // of which the script has to be the first: the others' names begin with their hashes
      .reverse()
      .map((name) => `(name = "${name}", ${name.endsWith(".js") ? "esModule" : "wasm"} = embed "out/${name}"),\n`);
    const config = await readFile(join(folder, "config.capnp"), "utf8");
    await writeFile(join(folder, "config.capnp"), config.replace(/(modules = \[\n)[^\]]*/, `$1${modules.join("")}`));
    await serve(workerd, folder, async (origin) => {
      const order = await teachAtOnce(`${origin}/ada`, samplesOf(2));
      assert.deepEqual(await model(`${origin}/ada`), here(order));
    });
  },

  async "a checkpoint as rows: cut where a row is full, and not elsewhere"(project) {
    const folder = await copyOf(project, "worker");
    const { pieces } = await import(pathToFileURL(join(folder, "store.mjs")).href);
    const chunks = [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(5, 6, 7, 8, 9), new Uint8Array(), Uint8Array.of(10)];
    const rows = Array.from(pieces(chunks, 4), (/** @type {Uint8Array} */ row) => [...row]);
    assert.deepEqual(rows, [[1, 2, 3, 4], [5, 6, 7, 8], [9], [10]]);
  },

  async "says what is wrong with a request, and changes nothing"(project, workerd) {
    const folder = await bakedCopy(project);
    await serve(workerd, folder, async (origin) => {
      /** @param {string} path @param {number} status @param {string} [body] */
      const refuses = async (path, status, body) => {
        const response = await fetch(`${origin}/${path}`, body === undefined ? {} : { method: "POST", body });
        assert.equal(response.status, status);
        assert.match(await response.text(), /^(expected|there are) .*\n$/);
      };
      for (const body of ["", "[]", '{"item":["a"]}', '{"item":[1],"clicked":true}', '{"item":"a","clicked":true}']) {
        await refuses("ada/learn", 400, body);
      }
      for (const body of ["", '{"items":[[1]]}', `{"items":[${"[],".repeat(100)}[]]}`])
        await refuses("ada/rank", 400, body);
      await refuses("", 404);
      await refuses(`${"a".repeat(65)}/learn`, 404, "{}");
      await refuses("ada/forget", 404, "{}");
      assert.equal((await (await fetch(`${origin}/ada`)).json()).count, 0);
    });
  },

  async "refuses a body above 64 KiB before it has the whole, and before an object is asked"(project, workerd) {
    const folder = await bakedCopy(project);
    await serve(workerd, folder, async (origin) => {
      const most = 2 ** 16;
      const refused = { status: 413, text: `expected a body of up to ${most} bytes\n` };
      const url = `${origin}/ada/learn`;
      assert.deepEqual(await answerBeforeEnd(url, { "content-length": 150e6 }, ""), refused);
      assert.deepEqual(await answerBeforeEnd(url, { "content-length": most + 1 }, ""), refused);
      assert.deepEqual(await answerBeforeEnd(url, { "transfer-encoding": "chunked" }, " ".repeat(most + 1)), refused);
      // An object that was asked has a file of its own.
      const files = () => readdir(join(folder, "readers/lanestep-example-readers"));
      const isObjects = (/** @type {string} */ name) => !name.startsWith("metadata.");
      assert.deepEqual((await files()).filter(isObjects), []);
      const body = JSON.stringify(samplesOf(0)[0]).padEnd(most);
      const chunked = new Blob([body]).stream();
      for (const each of [{ body }, { body: chunked, duplex: /** @type {const} */ ("half") }]) {
        assert.equal((await fetch(url, { method: "POST", ...each })).status, 200);
      }
      assert.equal((await (await fetch(`${origin}/ada`)).json()).count, 2);
      assert.notDeepEqual((await files()).filter(isObjects), []);
    });
  },
};
