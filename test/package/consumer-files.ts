// The entry of Node, Deno and Bun, with their types. Compiled by types.mjs, never run.

import { readFile } from "node:fs/promises";
import { adam } from "lanestep";
import { writeFileAtomic } from "lanestep/files";

const optimizer = adam().initSync({ w: Float32Array.of(1) });
const written: Promise<void> = writeFileAtomic(new URL("file:///model.safetensors"), optimizer.saveChunks());
await written;
await adam().restore(await readFile("model.safetensors"));
// @ts-expect-error: no bytes
await writeFileAtomic("model.safetensors", "text");
