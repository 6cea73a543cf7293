/** Past takes, kept in this browser (IndexedDB) and nowhere else. Knows nothing of what they hold. */

import type { Recording } from "./performance.js";

const STORE = "takes";
const KEPT = 200;

export class Shelf {
  private readonly database: Promise<IDBDatabase>;

  constructor() {
    this.database = open();
    this.database.catch(() => undefined); // who asks for a take learns it
  }

  /** Newest first. */
  async all(): Promise<Recording[]> {
    const takes = await this.run<Recording[]>("readonly", (store) => store.getAll());
    return takes.reverse();
  }

  /** Keep a take, or more of it; of very many, the oldest go. */
  async keep(take: Recording): Promise<void> {
    await this.run("readwrite", (store) => store.put(take));
    const began = await this.run("readonly", (store) => store.getAllKeys());
    for (const old of began.slice(0, -KEPT)) await this.run("readwrite", (store) => store.delete(old));
  }

  async remove(began: string): Promise<void> {
    await this.run("readwrite", (store) => store.delete(began));
  }

  private async run<T>(
    mode: IDBTransactionMode,
    act: (store: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> {
    const transaction = (await this.database).transaction(STORE, mode);
    const done = result(act(transaction.objectStore(STORE)));
    if (mode === "readwrite") transaction.commit(); // the page may be closing
    return done;
  }
}

/** Rejects where the browser allows no site data. */
async function open(): Promise<IDBDatabase> {
  const opening = indexedDB.open("gapt", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE, { keyPath: "began" });
  return result(opening);
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
