// @ts-check
// Starts the worker as a bundler finds it, and passes on what it says.

import { passOn } from "./answer.mjs";

passOn(new Worker(new URL("./bundled-worker.mjs", import.meta.url), { type: "module" }));
