// @ts-check
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";
import { prepare } from "./prepare.js";

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(`../../${relative}`, import.meta.url));

export default defineConfig(async ({ isPreview }) => {
  const publicDir = path("build/browser/public");
  if (!isPreview) await prepare(publicDir);
  return {
    base: "./",
    publicDir,
    build: { outDir: path("build/browser/dist"), emptyOutDir: true, target: "es2022" },
    // lanestep loads what reads checkpoints when it is asked for one: a worker in pieces is a module.
    worker: { format: /** @type {const} */ ("es") },
    server: { fs: { allow: [path("")] } },
  };
});
