// Where vaults are kept in this browser: IndexedDB, one text for each master fingerprint.
import { refuse } from "./refusal";

const DATABASE = "satchel";
const STORE = "vaults";

/** A browser may forbid storage (private windows, settings) or have no room left. */
function refuseStorage(error: DOMException | null): never {
  if (error?.name === "QuotaExceededError") refuse("storage_full");
  refuse("storage_blocked");
}

function answerOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function openDatabase(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return answerOf(request);
}

async function withStore<Result>(
  mode: IDBTransactionMode,
  use: (store: IDBObjectStore) => IDBRequest<Result>,
): Promise<Result> {
  try {
    const database = await openDatabase();
    try {
      const transaction = database.transaction(STORE, mode);
      const done = new Promise<void>((resolve, reject) => {
        transaction.oncomplete = () => resolve();
        transaction.onabort = () => reject(transaction.error);
      });
      const [result] = await Promise.all([answerOf(use(transaction.objectStore(STORE))), done]);
      return result;
    } finally {
      database.close();
    }
  } catch (error) {
    refuseStorage(error instanceof DOMException ? error : null);
  }
}

export async function allTexts(): Promise<string[]> {
  return withStore("readonly", (store) => store.getAll());
}

export async function textOf(fingerprint: string): Promise<string | undefined> {
  return withStore("readonly", (store) => store.get(fingerprint));
}

export async function keepText(fingerprint: string, text: string): Promise<void> {
  await withStore("readwrite", (store) => store.put(text, fingerprint));
}

export async function forgetText(fingerprint: string): Promise<void> {
  await withStore("readwrite", (store) => store.delete(fingerprint));
}
