/** Past takes, kept in this browser (IndexedDB) and nowhere else; of each a summary, for the list. */

import { summary, type Recording, type Summary } from "./performance.js";

const TAKES = "takes";
const SUMMARIES = "summaries";
const KEPT = 200;

export class Shelf {
  private database: Promise<IDBDatabase> | null = null;
  private readonly tabs = new BroadcastChannel("gapt takes");

  /** @param onChanged in another tab */
  constructor(onChanged: () => void = () => undefined) {
    this.tabs.onmessage = onChanged;
  }

  /** Newest first. */
  async summaries(): Promise<Summary[]> {
    const summaries = await this.read<Summary[]>(SUMMARIES, (store) => store.getAll());
    return summaries.reverse();
  }

  async take(began: string): Promise<Recording> {
    return this.read<Recording>(TAKES, (store) => store.get(began));
  }

  /** Keep a take, or more of it. Rejects if there is no space. */
  async keep(take: Recording): Promise<void> {
    await this.write((takes, summaries) => {
      takes.put(take);
      summaries.put(summary(take));
    });
  }

  async remove(...began: readonly string[]): Promise<void> {
    await this.write((takes, summaries) => {
      for (const each of began) {
        takes.delete(each);
        summaries.delete(each);
      }
    });
  }

  /** Of very many, the oldest go. */
  async trim(): Promise<void> {
    const began = await this.read(SUMMARIES, (store) => store.getAllKeys());
    await this.remove(...(began.slice(0, -KEPT) as string[]));
  }

  /** Opened when it is first needed, and again after the browser has closed it, as an iPhone does. */
  private open(): Promise<IDBDatabase> {
    this.database ??= open(() => {
      this.database = null;
    });
    return this.database;
  }

  private async read<T>(store: string, ask: (store: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    return result(ask((await this.open()).transaction(store).objectStore(store)));
  }

  /** Resolves when it is on the disk: a request that succeeds may still find no space there. */
  private async write(act: (takes: IDBObjectStore, summaries: IDBObjectStore) => void): Promise<void> {
    const transaction = (await this.open()).transaction([TAKES, SUMMARIES], "readwrite");
    const done = new Promise<void>((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error);
    });
    act(transaction.objectStore(TAKES), transaction.objectStore(SUMMARIES));
    transaction.commit(); // the page may be closing
    await done;
    this.tabs.postMessage(null);
  }
}

/**
 * Rejects where the browser allows no site data.
 *
 * @param onGone is told that it is worth trying again
 */
async function open(onGone: () => void): Promise<IDBDatabase> {
  const opening = indexedDB.open("gapt", 2);
  opening.onupgradeneeded = ({ oldVersion }) => {
    const { result: database, transaction } = opening;
    if (oldVersion === 0) database.createObjectStore(TAKES, { keyPath: "began" });
    const summaries = database.createObjectStore(SUMMARIES, { keyPath: "began" });
    // The first version kept no summaries.
    const kept: IDBRequest<Recording[]> = transaction!.objectStore(TAKES).getAll();
    kept.onsuccess = () => {
      for (const take of kept.result) summaries.put(summary(take));
    };
  };
  const opened = result(opening);
  opened.catch(onGone);
  // A tab with an earlier page may hold it open; rather than wait for that, say that none are kept.
  const blocked = new Promise<never>((_, reject) => {
    opening.onblocked = () => {
      reject(new Error("another tab holds the takes"));
      opened.then((late) => late.close()).then(onGone, () => undefined);
    };
  });
  const database = await Promise.race([opened, blocked]);
  database.onversionchange = () => database.close();
  database.onclose = onGone;
  return database;
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
