// @ts-check
// The workload in a Web Worker as a bundler takes it. Vite makes classic scripts of workers: they cannot await at the top.

import * as workload from "../../workload.mjs";
import { answer } from "./answer.mjs";

answer(
  async () => workload,
  async () => null,
).then(postMessage);
