// @ts-check
// A file that a page keeps: in the origin private file system, or where a browser has none to write to, in IndexedDB.
// Both replace it whole: a page that is closed in the middle of a write leaves the old file.

/**
 * @typedef Store
 * @property {string} place
 * @property {() => Promise<Uint8Array<ArrayBuffer> | null>} read what was written last, null for nothing
 * @property {(chunks: Iterable<Uint8Array<ArrayBuffer>>) => Promise<void>} write
 * @property {() => Promise<void>} remove
 */

/**
 * @param {string} name
 * @returns {Promise<Store>}
 */
export async function openStore(name) {
  const folder = await privateFolder();
  return folder ? inFileSystem(folder, name) : inDatabase(await openDatabase(), name);
}

const bytesOf = async (/** @type {Blob} */ blob) => new Uint8Array(await blob.arrayBuffer());

async function privateFolder() {
  try {
    if (!("createWritable" in FileSystemFileHandle.prototype)) return null;
    return await navigator.storage.getDirectory();
  } catch {
    return null; // too old a browser, or a private window
  }
}

/**
 * @param {FileSystemDirectoryHandle} folder
 * @param {string} name
 * @returns {Store}
 */
function inFileSystem(folder, name) {
  const absent = (/** @type {DOMException} */ error) => {
    if (error.name !== "NotFoundError") throw error;
    return null;
  };
  return {
    place: "the origin private file system",
    async read() {
      const file = await folder.getFileHandle(name).catch(absent);
      const bytes = file && (await bytesOf(await file.getFile()));
      return bytes?.length ? bytes : null; // a file is empty from its creation to the end of its first write
    },
    async write(chunks) {
      const file = await folder.getFileHandle(name, { create: true });
      const writable = await file.createWritable(); // a copy, which close() puts in the file's place
      try {
        for (const chunk of chunks) await writable.write(chunk);
        await writable.close();
      } catch (error) {
        await writable.abort().catch(() => {});
        throw error;
      }
    },
    async remove() {
      await folder.removeEntry(name).catch(absent);
    },
  };
}

/** @returns {Promise<IDBDatabase>} */
function openDatabase() {
  const request = indexedDB.open("lanestep-digits");
  request.onupgradeneeded = () => request.result.createObjectStore("files");
  return resultOf(request);
}

/**
 * @param {IDBDatabase} database
 * @param {string} name
 * @returns {Store}
 */
function inDatabase(database, name) {
  /** @param {(files: IDBObjectStore) => void} change */
  const change = (change) =>
    new Promise((resolve, reject) => {
      const transaction = database.transaction("files", "readwrite", { durability: "strict" });
      transaction.oncomplete = () => resolve(undefined);
      transaction.onabort = () => reject(transaction.error);
      change(transaction.objectStore("files"));
    });
  return {
    place: "IndexedDB",
    async read() {
      const blob = await resultOf(database.transaction("files").objectStore("files").get(name));
      return blob ? bytesOf(blob) : null;
    },
    async write(chunks) {
      const blob = new Blob([...chunks]);
      await change((files) => files.put(blob, name));
    },
    async remove() {
      await change((files) => files.delete(name));
    },
  };
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function resultOf(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
