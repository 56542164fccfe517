// @ts-check
// The workload in a Web Worker.

import { answer } from "./answer.mjs";
import { modules } from "./modules.mjs";

postMessage(await answer(() => import("../../workload.mjs"), modules));
