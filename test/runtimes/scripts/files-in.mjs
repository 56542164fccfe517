// @ts-check
// The checks of `lanestep/files` in an engine: those of files.mjs inside it, and processes of it that end in the middle.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout } from "node:timers/promises";
import { errorOf } from "../errors.mjs";
import { run, start } from "../processes.mjs";

/** @typedef {import("../processes.mjs").Command} Command */

const SIZE = 1 << 20;

/** The byte that a whole file consists of. */
async function wholeByte(/** @type {string} */ path) {
  const bytes = await readFile(path);
  assert.equal(bytes.length, SIZE);
  assert.equal(bytes.compare(Buffer.alloc(SIZE, bytes[0])), 0, "bytes of two versions");
  return bytes[0];
}

/** @type {Record<string, (writer: Command, folder: string) => Promise<void>>} */
const endings = {
  async "killed while it writes a chunk: the old file stands"(writer, folder) {
    const path = join(folder, "file");
    await writeFile(path, Buffer.alloc(SIZE, 7));
    const chunks = [0, 1, 2, 31, 62, 63];
    for (const chunk of chunks) {
      const { signal, stderr } = await run([...writer, path, "kill", String(chunk)]);
      assert.equal(signal, "SIGKILL", stderr);
      assert.equal(await wholeByte(path), 7);
    }
    // Each was in the middle: it left what it had begun.
    assert.equal((await readdir(folder)).length, 1 + chunks.length);
  },

  async "killed at 30 moments of any kind: one file or the other stands, whole"(writer, folder) {
    const path = join(folder, "file");
    await writeFile(path, Buffer.alloc(SIZE));
    const bytes = new Set();
    for (let round = 0; round < 30; round++) {
      const child = start([...writer, path, "loop"]);
      const stderr = text(child.stderr);
      const closed = once(child, "close");
      await Promise.race([once(child.stdout, "data"), closed]);
      await setTimeout((round * 7) % 20);
      child.kill("SIGKILL");
      assert.deepEqual(await closed, [null, "SIGKILL"], await stderr);
      bytes.add(await wholeByte(path));
    }
    assert.ok(bytes.size > 1, "no round wrote anything");
  },

  async "no room for the whole: the old file stands, nothing else"(writer, folder) {
    const path = join(folder, "file");
    await writeFile(path, Buffer.alloc(SIZE, 7));
    // A limit in the middle of the one chunk: its first write is cut short, the next one fails.
    const limited = ["sh", "-c", 'trap "" XFSZ; ulimit -f 601; exec "$@"', "sh", ...writer];
    const { stdout, stderr } = await run([...limited, path, "once"]);
    assert.match(stdout, /^cannot write ".*file": .*file too large/i, stderr);
    assert.equal(await wholeByte(path), 7);
    assert.deepEqual(await readdir(folder), ["file"]);
  },
};

/**
 * @param {Command} command what runs a script, its path to be added
 * @param {string} project a folder with files.mjs and writer.mjs, and lanestep in its node_modules
 * @returns {AsyncGenerator<import("../run.mjs").Check>}
 */
export async function* filesIn(command, project) {
  const { stdout, stderr, code } = await run([...command, join(project, "files.mjs")]);
  const lines = stdout.trimEnd().split("\n");
  const isWhole = code === 0 && lines.at(-1) === "end";
  yield* lines.flatMap((line) => (line.startsWith("{") ? [JSON.parse(line)] : []));
  if (!isWhole) yield { name: "files.mjs runs to the end", error: `ended with ${code}: ${stderr || stdout}` };
  for (const [name, body] of Object.entries(endings)) {
    const folder = await mkdtemp(join(project, "ending-"));
    const error = await errorOf(body([...command, join(project, "writer.mjs")], folder));
    await rm(folder, { recursive: true });
    yield { name, error };
  }
}
