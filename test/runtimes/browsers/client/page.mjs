// @ts-check
// The workload in a page.

import { answer, post } from "./answer.mjs";
import { modules } from "./modules.mjs";

await post(await answer(() => import("../../workload.mjs"), modules));
