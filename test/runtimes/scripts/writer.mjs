// Writes files of one byte, each time the next one: for the checks that end it in the middle (engine.mjs).
//
//   writer.mjs PATH loop         until it is killed; says "ready" when the first file stands
//   writer.mjs PATH kill CHUNK   kills itself when it is asked for that chunk of 64
//   writer.mjs PATH once         once, in one chunk; says the error

import { readFile } from "node:fs/promises";
import process from "node:process";
import { writeFileAtomic } from "lanestep/files";

const [path = "", mode, last] = process.argv.slice(2);
const SIZE = 1 << 20;
const chunks = mode === "once" ? 1 : 64;

function* version(/** @type {number} */ byte) {
  for (let chunk = 0; chunk < chunks; chunk++) {
    if (mode === "kill" && chunk === Number(last)) process.kill(process.pid, "SIGKILL");
    yield new Uint8Array(SIZE / chunks).fill(byte);
  }
}

let byte = (await readFile(path))[0] ?? 0;
const write = () => writeFileAtomic(path, version(++byte));
if (mode === "once") {
  await write().catch((error) => console.log(error.message));
} else {
  await write();
  console.log("ready");
  while (mode === "loop") await write();
}
