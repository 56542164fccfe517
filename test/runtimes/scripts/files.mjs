// What `lanestep/files` does in an engine: run by it, one line of JSON a check, and "end" when all are done.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmod, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { adam } from "lanestep";
import { writeFileAtomic } from "lanestep/files";

const folder = await mkdtemp(fileURLToPath(new URL("files-", import.meta.url)));
const at = (/** @type {string} */ name) => join(folder, name);
const bytes = (/** @type {string} */ name) => readFile(at(name)).then((found) => [...found]);
const one = Uint8Array.of(1, 2, 3);
const two = Uint8Array.of(4, 5);

/** @param {string} name @param {() => Promise<void>} body */
async function check(name, body) {
  const error = await body().then(
    () => undefined,
    (/** @type {any} */ reason) => String(reason?.stack ?? reason),
  );
  console.log(JSON.stringify({ name, error }));
}

await check("writes bytes, iterables and asynchronous ones, by path and by URL", async () => {
  await writeFileAtomic(at("a"), one);
  await writeFileAtomic(pathToFileURL(at("b")), [one, new Uint8Array(), two]);
  await writeFileAtomic(
    at("c"),
    (async function* () {
      yield one.subarray(1);
      yield two;
    })(),
  );
  assert.deepEqual(
    [await bytes("a"), await bytes("b"), await bytes("c")],
    [
      [1, 2, 3],
      [1, 2, 3, 4, 5],
      [2, 3, 4, 5],
    ],
  );
});

await check("asks for a chunk when the one before is in the file", async () => {
  /** @type {number[]} */
  const sizes = [];
  await writeFileAtomic(
    at("sizes"),
    (async function* () {
      for (let i = 0; i < 3; i++) {
        const temporary = (await readdir(folder)).filter((name) => name.endsWith(".tmp"));
        assert.equal(temporary.length, 1);
        sizes.push((await stat(at(temporary[0] ?? ""))).size);
        yield one;
      }
    })(),
  );
  assert.deepEqual(sizes, [0, 3, 6]);
});

await check("overwrites, with the mode as it was, whatever the umask", async () => {
  await writeFile(at("mode"), "old");
  await chmod(at("mode"), 0o666);
  await writeFileAtomic(at("mode"), two);
  assert.deepEqual(await bytes("mode"), [4, 5]);
  assert.equal((await stat(at("mode"))).mode & 0o777, 0o666);
});

await check("writes through links, to what stands there and to what does not yet", async () => {
  await writeFile(at("target"), "old");
  await symlink("target", at("link"));
  await symlink("absent", at("dangling"));
  await writeFileAtomic(at("link"), one);
  await writeFileAtomic(at("dangling"), two);
  assert.deepEqual(
    [await bytes("target"), await bytes("absent")],
    [
      [1, 2, 3],
      [4, 5],
    ],
  );
});

await check("leaves the file as it was when the chunks fail, and says which", async () => {
  await writeFile(at("old"), one);
  const failed = Object.assign(new Error("no more"), { code: "E_MINE" });
  const chunks = (function* () {
    yield two;
    throw failed;
  })();
  await assert.rejects(writeFileAtomic(at("old"), chunks), (/** @type {any} */ error) => {
    assert.equal(error.message, `cannot write "${at("old")}": no more`);
    assert.equal(error.cause, failed);
    assert.equal(error.code, "E_MINE");
    return true;
  });
  assert.deepEqual(await bytes("old"), [1, 2, 3]);
});

await check("ends the chunks' iterator when it fails itself", async () => {
  let ended = false;
  const chunks = (function* () {
    try {
      yield one;
      yield "text";
    } finally {
      ended = true;
    }
  })();
  await assert.rejects(
    writeFileAtomic(at("old"), /** @type {any} */ (chunks)),
    /a chunk is "text", expected a Uint8Array/,
  );
  assert.equal(ended, true);
  assert.deepEqual(await bytes("old"), [1, 2, 3]);
});

await check("many at once: one of them, whole, also for who reads meanwhile", async () => {
  const isWhole = (/** @type {Uint8Array} */ found) =>
    found.length === 50_000 && found.every((byte) => byte === found[0]);
  for (let round = 0; round < 20; round++) {
    let writing = true;
    const reader = (async () => {
      do {
        const found = await readFile(at("many")).catch(() => null);
        assert.ok(found === null || isWhole(found));
      } while (writing);
    })();
    const writers = [];
    for (let i = 0; i < 10; i++) {
      writers.push(writeFileAtomic(at("many"), new Uint8Array(50_000).fill(i)));
      await setTimeout(0); // the first one's file appears at any moment of the others
    }
    await Promise.all([reader, ...writers, Promise.allSettled(writers).then(() => (writing = false))]);
    assert.ok(isWhole(await readFile(at("many"))));
    await rm(at("many"));
  }
});

await check("a name as long as names may be", async () => {
  await writeFileAtomic(at("n".repeat(255)), one);
  assert.deepEqual(await bytes("n".repeat(255)), [1, 2, 3]);
  await rm(at("n".repeat(255)));
});

await check("refuses what is no file, and leaves it there", async () => {
  execFileSync("mkfifo", [at("pipe")]);
  await symlink("cycle", at("cycle"));
  await assert.rejects(writeFileAtomic(folder, one), { message: `cannot write "${folder}": it is a folder` });
  await assert.rejects(writeFileAtomic(at("pipe"), one), /pipe": it is not a regular file$/);
  await assert.rejects(writeFileAtomic(at("cycle"), one), /^Error: cannot write ".*cycle": /);
  await assert.rejects(writeFileAtomic(at("none/file"), one), { code: "ENOENT" });
  assert.ok((await stat(at("pipe"))).isFIFO());
});

await check("refuses arguments of other types", async () => {
  for (const path of [undefined, 5, new URL("https://localhost/a")]) {
    await assert.rejects(writeFileAtomic(/** @type {any} */ (path), one), TypeError);
  }
  for (const chunks of [undefined, 5, "text", {}]) {
    await assert.rejects(writeFileAtomic(at("none"), /** @type {any} */ (chunks)), {
      name: "TypeError",
      message: /^writeFileAtomic: chunks is .*, expected a Uint8Array or an iterable of them$/,
    });
  }
});

await check("keeps an optimizer, piece by piece: it goes on bit for bit", async () => {
  const update = adam({ learningRate: 0.1 });
  const first = await update.init({ w: { shape: [100_000] }, b: Float32Array.of(1, 2) });
  const grads = { w: new Float32Array(100_000).fill(3), b: Float32Array.of(4, -5) };
  first.step(grads);
  await writeFileAtomic(at("a"), first.saveChunks());
  const second = await update.restore(await readFile(at("a")));
  assert.equal(first.step(grads) && second.step(grads), true);
  assert.deepEqual(second.snapshot("params"), first.snapshot("params"));
});

await check("leaves no temporary file", async () => {
  const names = "a absent b c cycle dangling link mode old pipe sizes target";
  assert.equal((await readdir(folder)).sort().join(" "), names);
});

await rm(folder, { recursive: true });
console.log("end");
