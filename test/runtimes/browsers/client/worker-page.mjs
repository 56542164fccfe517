// @ts-check
// Starts the worker, and passes on what it says.

import { passOn } from "./answer.mjs";

passOn(new Worker(new URL("./worker.mjs", import.meta.url), { type: "module" }));
