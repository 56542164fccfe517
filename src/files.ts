// Files of Node, Deno and Bun: an entry of its own, so that pages and workers never import what they do not have.

import { chmod, type FileHandle, open, readlink, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { show, tagOf } from "./show.ts";

type Chunks = Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/** Bytes of one write: 2 GiB and more are refused by Node, and cut short by Linux. */
const WRITE_LIMIT = 2 ** 30;

/** What platforms and file systems answer that cannot open or sync a folder. */
const NO_FOLDER_SYNC = new Set(["EACCES", "EBADF", "EINVAL", "EISDIR", "ENOSYS", "ENOTSUP", "EPERM"]);

/**
 * Writes a file whole or not at all: at every moment, through a crash or a loss of power too, `path` holds either what it
 * held before or all of the new bytes.
 *
 * The bytes go to a temporary file in the same folder, chunk by chunk without a copy of the whole, onto the disk
 * (fsync), and then under the name. The permission bits of a file that is replaced stay; a symbolic link stays too, and
 * the file that it leads to is replaced. A process that is killed leaves its `.lanestep-….tmp` behind.
 *
 * @param path the file, in a folder that exists; a relative path is resolved at the call
 * @param chunks the bytes, such as `optimizer.saveChunks()`; each chunk is asked for when the one before is written
 * @returns a promise that is fulfilled when the file is on the disk
 * @throws TypeError if `path` is neither a string nor a `file:` URL, or `chunks` not bytes; Error with the path where
 *   anything fails, the chunks' own iterator included, with the error itself as its `cause` and that one's `code`. The
 *   temporary file is removed
 *
 * @example
 * ```ts
 * import { readFile } from "node:fs/promises";
 * import { tmpdir } from "node:os";
 * import { writeFileAtomic } from "lanestep/files";
 *
 * const path = `${tmpdir()}/lanestep-example.bin`;
 * await writeFileAtomic(path, [Uint8Array.of(1, 2), Uint8Array.of(3)]);
 * Array.from(await readFile(path)); // => [1, 2, 3]
 * ```
 *
 * Source: POSIX.1-2024, rename() and fsync().
 */
export async function writeFileAtomic(path: string | URL, chunks: Chunks): Promise<void> {
  const name = resolve(typeof path === "string" ? path : fileURLToPath(path));
  const bytes = chunksOf(chunks);
  let temporary: string | undefined;
  try {
    const target = await follow(name);
    const mode = await modeOf(target);
    temporary = join(dirname(target), `.lanestep-${crypto.randomUUID()}.tmp`);
    await writeNew(temporary, bytes, mode);
    await rename(temporary, target);
    temporary = undefined;
    await syncFolder(dirname(target));
  } catch (error) {
    if (temporary !== undefined) await rm(temporary, { force: true }).catch(() => {});
    throw failure(name, error);
  }
}

const isBytes = (value: unknown): value is Uint8Array => ArrayBuffer.isView(value) && tagOf(value) === "Uint8Array";

function chunksOf(chunks: unknown): Iterable<unknown> | AsyncIterable<unknown> {
  if (isBytes(chunks)) return [chunks];
  if (typeof chunks === "object" && chunks !== null && (Symbol.asyncIterator in chunks || Symbol.iterator in chunks)) {
    return chunks as Iterable<unknown> | AsyncIterable<unknown>;
  }
  throw new TypeError(`writeFileAtomic: chunks is ${show(chunks)}, expected a Uint8Array or an iterable of them`);
}

/** The file itself behind links, which need not be there yet. */
async function follow(path: string): Promise<string> {
  const found = await realpath(path).catch(unlessAbsent);
  if (found !== undefined) return found;
  const place = join(await realpath(dirname(path)), basename(path));
  const next = await readlink(place).catch(() => undefined);
  return next === undefined ? place : follow(resolve(dirname(place), next));
}

/** The permission bits of the file that stands there, `undefined` for none. */
async function modeOf(path: string): Promise<number | undefined> {
  const found = await stat(path).catch(unlessAbsent);
  // A rename would put a file in the place of a device or a pipe.
  if (found?.isFile() === false) throw new Error(found.isDirectory() ? "it is a folder" : "it is not a regular file");
  return found && found.mode & 0o777;
}

/** Makes a file that was not there, on the disk with all its bytes when the promise is fulfilled. */
async function writeNew(
  path: string,
  chunks: Iterable<unknown> | AsyncIterable<unknown>,
  mode: number | undefined,
): Promise<void> {
  const file = await open(path, "wx", mode);
  try {
    // What it was made with is less what the process's umask takes away.
    if (mode !== undefined) await chmod(path, mode);
    for await (const chunk of chunks) await writeChunk(file, chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeChunk(file: FileHandle, chunk: unknown): Promise<void> {
  if (!isBytes(chunk)) throw new TypeError(`a chunk is ${show(chunk)}, expected a Uint8Array`);
  for (let at = 0; at < chunk.length; ) {
    const { bytesWritten } = await file.write(chunk, at, Math.min(chunk.length - at, WRITE_LIMIT));
    at += bytesWritten;
  }
}

/** The new name is on the disk once its folder is. */
async function syncFolder(path: string): Promise<void> {
  try {
    const folder = await open(path, "r");
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    if (!NO_FOLDER_SYNC.has(codeOf(error) ?? "")) throw error;
  }
}

const codeOf = (error: unknown): string | undefined => (error as { code?: string } | null | undefined)?.code;

function unlessAbsent(error: unknown): undefined {
  if (codeOf(error) !== "ENOENT") throw error;
}

function failure(path: string, error: unknown): Error {
  const reason = error instanceof Error ? error.message : show(error);
  const code = codeOf(error);
  return Object.assign(new Error(`cannot write "${path}": ${reason}`, { cause: error }), code && { code });
}
