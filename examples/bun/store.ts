// What the server keeps in SQLite: the checkpoint, and the feedback that is in it.

import { Database, SQLiteError } from "bun:sqlite";

/** Whether it is so because another process has the file open. */
export const isInUse = (error: unknown) => error instanceof SQLiteError && error.code === "SQLITE_BUSY";

export function openStore(path: string) {
  const database = new Database(path, { create: true, strict: true });
  // A second server on the same file would start from here and overwrite this one's steps: it is refused.
  database.run("PRAGMA locking_mode = EXCLUSIVE");
  database.run("PRAGMA journal_mode = WAL");
  database.run("CREATE TABLE IF NOT EXISTS checkpoint (one INTEGER PRIMARY KEY CHECK (one = 1), bytes BLOB NOT NULL)");
  database.run("CREATE TABLE IF NOT EXISTS learnt (id TEXT PRIMARY KEY) WITHOUT ROWID");
  const read = database.query<{ bytes: Uint8Array<ArrayBuffer> }, []>("SELECT bytes FROM checkpoint");
  const write = database.query("INSERT OR REPLACE INTO checkpoint VALUES (1, ?)");
  const find = database.query("SELECT 1 FROM learnt WHERE id = ?");
  const add = database.query("INSERT INTO learnt VALUES (?)");
  return {
    read: () => read.get()?.bytes,
    hasLearnt: (id: string) => find.get(id) !== null,
    /** Both or neither: whatever ends the process, no feedback is lost, and none is learnt twice. */
    keep: database.transaction((id: string, bytes: Uint8Array) => {
      add.run(id);
      write.run(bytes);
    }),
  };
}
