// @ts-check
/// <reference types="vite/client" />
// The workload as Vite takes it, with modules of WebAssembly imported by hand.

import kernels from "lanestep/kernels.wasm?url";
import warmed from "lanestep/warmed.wasm?url";
import loops from "../../loops.wasm?url";
import * as workload from "../../workload.mjs";
import { answer, post } from "./answer.mjs";

const compile = (/** @type {string} */ url) => WebAssembly.compileStreaming(fetch(url));

post(
  await answer(
    async () => workload,
    async () => ({ kernels: await compile(kernels), warmed: await compile(warmed), loops: await compile(loops) }),
  ),
);
