/** Past takes, kept in this browser (IndexedDB) and nowhere else; of each a summary, for the list. */
import { summary } from "./performance.js";
const TAKES = "takes";
const SUMMARIES = "summaries";
const KEPT = 200;
export class Shelf {
    database = null;
    tabs = new BroadcastChannel("gapt takes");
    /** @param onChanged in another tab */
    constructor(onChanged = () => undefined) {
        this.tabs.onmessage = onChanged;
    }
    /** Newest first. */
    async summaries() {
        const summaries = await this.read(SUMMARIES, (store) => store.getAll());
        return summaries.reverse();
    }
    async take(began) {
        return this.read(TAKES, (store) => store.get(began));
    }
    /** Keep a take, or more of it. Rejects if there is no space. */
    async keep(take) {
        await this.write((takes, summaries) => {
            takes.put(take);
            summaries.put(summary(take));
        });
    }
    async remove(...began) {
        await this.write((takes, summaries) => {
            for (const each of began) {
                takes.delete(each);
                summaries.delete(each);
            }
        });
    }
    /** Of very many, the oldest go. */
    async trim() {
        const began = await this.read(SUMMARIES, (store) => store.getAllKeys());
        await this.remove(...began.slice(0, -KEPT));
    }
    /** Opened when it is first needed, and again after the browser has closed it, as an iPhone does. */
    open() {
        this.database ??= open(() => {
            this.database = null;
        });
        return this.database;
    }
    async read(store, ask) {
        return result(ask((await this.open()).transaction(store).objectStore(store)));
    }
    /** Resolves when it is on the disk: a request that succeeds may still find no space there. */
    async write(act) {
        const transaction = (await this.open()).transaction([TAKES, SUMMARIES], "readwrite");
        const done = new Promise((resolve, reject) => {
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
async function open(onGone) {
    const opening = indexedDB.open("gapt", 2);
    opening.onupgradeneeded = ({ oldVersion }) => {
        const { result: database, transaction } = opening;
        if (oldVersion === 0)
            database.createObjectStore(TAKES, { keyPath: "began" });
        const summaries = database.createObjectStore(SUMMARIES, { keyPath: "began" });
        // The first version kept no summaries.
        const kept = transaction.objectStore(TAKES).getAll();
        kept.onsuccess = () => {
            for (const take of kept.result)
                summaries.put(summary(take));
        };
    };
    const opened = result(opening);
    opened.catch(onGone);
    // A tab with an earlier page may hold it open; rather than wait for that, say that none are kept.
    const blocked = new Promise((_, reject) => {
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
function result(request) {
    return new Promise((resolve, reject) => {
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error);
    });
}
