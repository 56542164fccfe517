// @ts-check
// Chromium with the page: WebGL and WebGPU in software, SwiftShader.

import { createServer } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { build } from "vite";
import { ARGS, findChromium } from "../runtimes/browsers/chromium.mjs";

const here = fileURLToPath(new URL(".", import.meta.url));

/** In software, whatever the machine has: elsewhere results are those of its GPU. */
const SOFTWARE = [
  "--enable-unsafe-webgpu",
  "--use-webgpu-adapter=swiftshader",
  "--use-gl=angle",
  "--use-angle=swiftshader",
  "--enable-unsafe-swiftshader",
];

/** The page's modules by their names. */
async function bundle() {
  const built = await build({
    root: here,
    configFile: false,
    logLevel: "warn",
    // dist/ would find another copy beside the one that the other packages of TensorFlow.js share.
    resolve: { alias: { "@tensorflow/tfjs-core": join(here, "node_modules/@tensorflow/tfjs-core") } },
    build: {
      write: false,
      minify: false,
      target: "esnext",
      modulePreload: false,
      lib: { entry: "page.mjs", formats: ["es"], fileName: "page" },
    },
  });
  const outputs = /** @type {import("vite").Rolldown.RolldownOutput[]} */ ([built].flat());
  return new Map(outputs.flatMap(({ output }) => output).map((file) => [file.fileName, file]));
}

/**
 * @template T
 * @param {(page: import("playwright-core").Page, url: string) => Promise<T>} body
 * @param {readonly string[]} [flags]
 */
export async function inChromium(body, flags = SOFTWARE) {
  const files = await bundle();
  const server = createServer((request, response) => {
    const file = files.get((request.url ?? "").slice(1));
    const code = file && "code" in file ? file.code : "<!doctype html><link rel=icon href=data:,>";
    response.writeHead(200, { "content-type": file ? "text/javascript" : "text/html" }).end(code);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const browser = await chromium.launch({ executablePath: findChromium(), args: [...ARGS, ...flags] });
  try {
    return await body(await browser.newPage(), `http://127.0.0.1:${port}/`);
  } finally {
    await browser.close();
    server.close();
  }
}
