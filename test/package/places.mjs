// Where things are.

import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));
export const here = (/** @type {string} */ name) => fileURLToPath(new URL(name, import.meta.url));
