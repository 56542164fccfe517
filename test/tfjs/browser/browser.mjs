// @ts-check
// Chromium with the page: WebGL and WebGPU in software, SwiftShader.

import { fileURLToPath } from "node:url";
import { build } from "vite";
import { newPage } from "../../runtimes/browsers/engines.mjs";
import { launchChromium } from "../../runtimes/browsers/launch.mjs";
import { ON_SWIFTSHADER } from "../../webgpu/chromium.mjs";

const WEBGL = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"];

/** The page's modules by their names. */
async function bundle() {
  const built = await build({
    root: fileURLToPath(new URL(".", import.meta.url)),
    configFile: false,
    logLevel: "warn",
    // dist/ would find another copy beside the one that the other packages of TensorFlow.js share.
    resolve: {
      alias: {
        "@tensorflow/tfjs-core": fileURLToPath(new URL("../node_modules/@tensorflow/tfjs-core", import.meta.url)),
      },
    },
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

/** A page with `/page.js`. */
export async function openPage() {
  const files = await bundle();
  const browser = await launchChromium(...ON_SWIFTSHADER, ...WEBGL);
  const { page, ended } = await newPage(browser);
  await page.route("http://localhost/**", (route) => {
    const file = files.get(new URL(route.request().url()).pathname.slice(1));
    if (file && "code" in file) return route.fulfill({ contentType: "text/javascript", body: file.code });
    return route.fulfill({ contentType: "text/html", body: "<!doctype html><link rel=icon href=data:,>" });
  });
  await page.goto("http://localhost/");
  return { page, ended, close: () => browser.close() };
}
