// @ts-check
// engine.mjs in engines with a WebGPU of their own, on dist/: Deno (wgpu) and Chromium (Dawn), each on SwiftShader.

import { execFileSync } from "node:child_process";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { findChromium } from "../runtimes/browsers/chromium.mjs";

const root = fileURLToPath(new URL("../..", import.meta.url));

const deno = async () =>
  JSON.parse(
    execFileSync(join(root, "test/webgpu/node_modules/.bin/deno"), [
      "run",
      "--allow-all",
      "--unstable-webgpu",
      join(root, "test/webgpu/deno.mjs"),
    ]).toString(),
  );

/** @template T @param {(page: import("playwright-core").Page, url: string) => Promise<T>} body */
async function inChromium(body) {
  const executablePath = findChromium();
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "", "http://localhost");
    const file = await readFile(join(root, decodeURIComponent(pathname))).catch(() => null);
    const type = [".js", ".mjs"].includes(extname(pathname)) ? "text/javascript" : "text/html";
    response.writeHead(file || pathname === "/" ? 200 : 404, { "content-type": type }).end(file);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const args = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--disable-quic"];
  const opened = await chromium.launch({ executablePath, args: [...args, "--disable-background-networking"] });
  try {
    return await body(await opened.newPage(), `http://127.0.0.1:${port}`);
  } finally {
    await opened.close();
    server.close();
  }
}

const browser = () =>
  inChromium(async (page, url) => {
    await page.goto(url);
    return page.evaluate(async () => {
      const at = (/** @type {string} */ path) => import(path);
      const { deviations } = await at("/test/webgpu/engine.mjs");
      return deviations(await at("/dist/index.js"));
    });
  });

/** examples/browser-webgpu: it learns, and the losses are those of the CPU. */
const example = () =>
  inChromium(async (page, url) => {
    await page.goto(`${url}/examples/browser-webgpu/index.html?hidden=256&steps=31`);
    const text = (await page.locator("output", { hasText: /^(done|stopped)/ }).textContent()) ?? "";
    const [gpu, cpu] = [...text.matchAll(/loss from ([\d.]+) to ([\d.]+)/g)].map(([, from, to]) => [
      Number(from),
      Number(to),
    ]);
    if (!gpu || !cpu) throw new Error(text);
    if (!(Math.max(gpu[1] ?? Number.NaN, cpu[1] ?? Number.NaN) < (gpu[0] ?? 0) / 2))
      throw new Error(`it does not learn: ${text}`);
    console.log(`  ${text}`);
    // Four digits after the point are shown, and gradients of the page are summed up in another order.
    const apart = (/** @type {number} */ i) =>
      Math.abs((gpu[i] ?? 0) - (cpu[i] ?? 0)) < 2e-3 ? 0 : Number.POSITIVE_INFINITY;
    return { "the first loss": apart(0), "the last loss": apart(1) };
  });

const { failures } = await import("./engine.mjs");
let failed = false;
for (const [name, run] of Object.entries({ deno, chromium: browser, "chromium, examples/browser-webgpu": example })) {
  try {
    const found = await run();
    const words = failures(found);
    failed ||= words.length > 0;
    const worst = Math.max(...Object.values(found));
    console.log(
      words.length > 0 ? `${name}: ${words.join("; ")}` : `${name}: ${Object.keys(found).length} within ${worst}`,
    );
  } catch (error) {
    failed = true;
    console.log(`${name}: ${error}`);
  }
}
process.exit(failed ? 1 : 0);
