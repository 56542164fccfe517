// @ts-check
// engine.mjs in engines with a WebGPU of their own, on dist/: Deno (wgpu) and Chromium (Dawn), each on SwiftShader.

import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { delimiter, extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

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

async function browser() {
  const folders = (process.env.PATH ?? "").split(delimiter);
  const executablePath = folders.map((folder) => join(folder, "chromium")).find(existsSync);
  if (!executablePath) throw new Error("no chromium in PATH");
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
    const page = await opened.newPage();
    await page.goto(`http://127.0.0.1:${port}/`);
    return await page.evaluate(async () => {
      const at = (/** @type {string} */ path) => import(path);
      const { deviations } = await at("/test/webgpu/engine.mjs");
      return deviations(await at("/dist/index.js"));
    });
  } finally {
    await opened.close();
    server.close();
  }
}

const { failures } = await import("./engine.mjs");
let failed = false;
for (const [name, run] of Object.entries({ deno, chromium: browser })) {
  try {
    const found = await run();
    const words = failures(found);
    failed ||= words.length > 0;
    const worst = Math.max(...Object.values(found));
    console.log(
      words.length > 0
        ? `${name}: ${words.join("; ")}`
        : `${name}: ${Object.keys(found).length} chains within ${worst}`,
    );
  } catch (error) {
    failed = true;
    console.log(`${name}: ${error}`);
  }
}
process.exit(failed ? 1 : 0);
