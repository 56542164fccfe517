// @ts-check
// The workload as a bundler takes it, with nothing but the library's own imports.

import * as workload from "../../workload.mjs";
import { answer, post } from "./answer.mjs";

post(
  await answer(
    async () => workload,
    async () => null,
  ),
);
