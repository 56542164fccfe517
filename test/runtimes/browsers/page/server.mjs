// @ts-check
// The page of examples/browser, built and served by Vite. What a visitor's browser may lack, or do in the middle, is
// put in front of the worker's script, by the first part of the path: /indexeddb+dies-at-2/ for two of them. /elsewhere/
// is an empty page of the same origin.

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, preview } from "vite";
import { makeFolder, removeFolder } from "../../cleanup.mjs";

const root = fileURLToPath(new URL("../../../../examples/browser", import.meta.url));

/** @type {Record<string, (number: string) => string>} */
const conditions = {
  indexeddb: () => "delete StorageManager.prototype.getDirectory;",
  nothing: () =>
    "delete StorageManager.prototype.getDirectory; Object.defineProperty(self, 'indexedDB', { value: undefined });",
  full: () =>
    `FileSystemFileHandle.prototype.createWritable = async () => {
      throw new DOMException("There is no room left.", "QuotaExceededError");
    };`,
  // A write of this number never ends: whoever leaves the page then has left it in the middle of that write.
  "dies-at": (number) =>
    `let writes = 0;
    const isLast = () => ++writes === ${number} && (console.log("a write hangs"), true);
    const { close } = FileSystemWritableFileStream.prototype;
    FileSystemWritableFileStream.prototype.close = function () {
      return isLast() ? new Promise(() => {}) : close.call(this);
    };
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (...given) {
      const request = put.apply(this, given);
      const goOn = () => { this.get("").onsuccess = goOn; };
      if (isLast()) goOn();
      return request;
    };`,
};

/** @param {string} part such as "indexeddb+dies-at-2" */
function codeOf(part) {
  return part.split("+").map((each) => {
    const [, name = "", number = ""] = /^(.*?)(?:-(\d+))?$/.exec(each) ?? [];
    const condition = conditions[name];
    if (!condition) throw new Error(`there is no condition ${each}`);
    return condition(number);
  });
}

/** @returns the address of the page, and what ends it */
export async function servePage() {
  const outDir = makeFolder("lanestep-page-");
  const shared = { root, configFile: join(root, "vite.config.js"), logLevel: /** @type {const} */ ("warn") };
  await build({ ...shared, build: { outDir } });
  const assets = await readdir(join(outDir, "assets"));
  const script = `assets/${assets.find((name) => /^worker.*\.js$/.test(name))}`;

  /** @type {import("vite").Connect.NextHandleFunction} */
  const withConditions = async (request, response, next) => {
    const [, part, file] = /^\/([^/.]+)\/(.*)$/.exec(request.url ?? "") ?? [];
    if (part === undefined || part === "assets") return next();
    if (part === "elsewhere") {
      response.setHeader("content-type", "text/html").end('<!doctype html><link rel="icon" href="data:,">');
      return;
    }
    if (file !== script) {
      request.url = `/${file}`;
      return next();
    }
    const code = [...codeOf(part), await readFile(join(outDir, script), "utf8")].join("\n");
    response.setHeader("content-type", "text/javascript").end(code);
  };
  const server = await preview({
    ...shared,
    build: { outDir },
    preview: { host: "127.0.0.1", port: 0 },
    plugins: [
      {
        name: "conditions",
        configurePreviewServer: ({ middlewares }) => void middlewares.use(withConditions),
      },
    ],
  });
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.httpServer.address());
  return {
    address: `http://127.0.0.1:${port}/`,
    async close() {
      await server.close();
      await removeFolder(outDir);
    },
  };
}
