// @ts-check
// A checkpoint in an object's own storage, SQLite: as rows, because a row has a limit.

/** Cloudflare takes 2 MB a row (and of objects that are not backed by SQLite, 128 KiB a value). */
const ROW_BYTES = 2 ** 20;

/**
 * What of a Durable Object's storage is used here.
 * @typedef Storage
 * @property {{ exec(query: string, ...bindings: unknown[]): Iterable<any> }} sql
 * @property {(body: () => void) => void} transactionSync
 */

/** @param {Iterable<Uint8Array<ArrayBuffer>>} chunks @param {number} size */
export function* pieces(chunks, size) {
  for (const chunk of chunks) {
    for (let begin = 0; begin < chunk.length; begin += size) yield chunk.subarray(begin, begin + size);
  }
}

/** What was written last, null for a reader who is new. @param {Storage} storage */
export async function readCheckpoint({ sql }) {
  sql.exec("CREATE TABLE IF NOT EXISTS checkpoint (place INTEGER PRIMARY KEY, bytes BLOB NOT NULL)");
  const rows = Array.from(sql.exec("SELECT bytes FROM checkpoint ORDER BY place"), ({ bytes }) => bytes);
  return rows.length > 0 ? new Uint8Array(await new Blob(rows).arrayBuffer()) : null;
}

/**
 * All rows or none of them, and nothing awaited: rows of two steps would be no checkpoint.
 * @param {Storage} storage
 * @param {Iterable<Uint8Array<ArrayBuffer>>} chunks
 */
export function writeCheckpoint(storage, chunks) {
  storage.transactionSync(() => {
    storage.sql.exec("DELETE FROM checkpoint");
    let place = 0;
    for (const piece of pieces(chunks, ROW_BYTES)) {
      storage.sql.exec("INSERT INTO checkpoint VALUES (?, ?)", place++, piece);
    }
  });
}
