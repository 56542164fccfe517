// @ts-check
// A static server for one visit of a browser: the files of a folder, a policy in every header, and the page's report.

import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { text } from "node:stream/consumers";

/** @type {Readonly<Record<string, string>>} */
const types = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** A page in a folder, and its Content-Security-Policy. @typedef {{ folder: string, page: string, policy?: string }} Site */
/**
 * A browser at a page. `ended` rejects when it ends by itself, or when it has an error to tell.
 * @typedef {{ version: string, ended: Promise<never>, close(): Promise<unknown> }} Browser
 */
/** @typedef {(url: string) => Promise<Browser>} Open */

/**
 * Serves until the page has posted its report to `/report`, or asks for what is not there, or its browser ends.
 * @param {Site} site @param {Open} open
 * @returns what the page posted, and the paths that it asked for
 */
export async function visit({ folder, page, policy }, open) {
  /** @type {string[]} */
  const requests = [];
  /** @type {(report: string) => void} */
  let resolve = () => {};
  /** @type {(error: Error) => void} */
  let reject = () => {};
  /** @type {Promise<string>} */
  const posted = new Promise((...settle) => {
    [resolve, reject] = settle;
  });
  posted.catch(() => {}); // the browser is still being opened
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://localhost"); // holds no ".."
    if (policy) response.setHeader("content-security-policy", policy);
    if (pathname === "/report") {
      resolve(await text(request));
      response.end();
    } else if (pathname === "/favicon.ico") {
      response.writeHead(404).end();
    } else {
      requests.push(pathname);
      const file = await readFile(join(folder, decodeURIComponent(pathname))).catch(() => null);
      response.writeHead(file ? 200 : 404, { "content-type": types[extname(pathname)] ?? "text/plain" }).end(file);
      if (!file) reject(new Error(`the page asks for ${pathname}, which is not there`));
    }
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  try {
    const browser = await open(`http://127.0.0.1:${port}/${page}`);
    try {
      const { error, ...answer } = JSON.parse(await Promise.race([posted, browser.ended]));
      if (error) throw new Error(error);
      return { ...answer, version: browser.version, requests };
    } finally {
      await browser.close();
    }
  } finally {
    server.close();
    server.closeAllConnections();
  }
}
