/** The list of past takes: replay, export, remove. Owns its elements. */
import { element } from "./dom.js";
import { forget, remember, remembered } from "./memory.js";
import { midiFile } from "./midi_file.js";
import { displayName } from "./names.js";
import { wholeNotes } from "./performance.js";
import { Shelf } from "./shelf.js";
/** What Delete says until it is pressed again. */
const SURE = "Sure?";
const SURE_MS = 5000;
/** Where the take waits that was played as the page closed. */
const UNSAVED = "unsaved";
/** Whoever presses again sooner has not read it. */
const READ_MS = 500;
export class TakesList {
    handlers;
    shelf = new Shelf(() => this.tryToShow());
    list = element("takes");
    /** Which take is replayed, if one is. */
    replayed = null;
    constructor(handlers) {
        this.handlers = handlers;
        this.tryToShow();
    }
    tryToShow() {
        const shown = this.claim().then(() => this.show());
        void shown.catch(() => undefined); // the first take that cannot be kept tells it
    }
    /** List the take that the last visit could not. */
    async claim() {
        const take = remembered(UNSAVED);
        if (take === null)
            return;
        await this.shelf.keep(JSON.parse(take));
        forget(UNSAVED);
    }
    /** Keep a take, or more of it, so that it is not lost with a closed window. */
    async save(take) {
        if (isEmpty(take))
            return;
        try {
            await this.shelf.keep(take);
            forget(UNSAVED);
            this.handlers.onKept(true);
        }
        catch {
            this.handlers.onKept(false);
        }
    }
    /** Keep a take as the page closes, when WebKit drops what is written to a database. */
    saveInHaste(take) {
        if (!isEmpty(take))
            remember(UNSAVED, JSON.stringify(take));
        void this.save(take);
    }
    /** Keep a take that is over, and list it. */
    async finish(take) {
        await this.save(take);
        await this.shelf.trim().then(() => this.show()).catch(() => undefined); // as `save` has told
    }
    /** @param began of the take that is replayed now; null if none is */
    mark(began) {
        this.replayed = began;
        for (const item of [...this.list.children])
            this.labelReplay(item);
    }
    labelReplay(item) {
        const plays = item.dataset["began"] === this.replayed;
        item.classList.toggle("now", plays);
        const does = plays ? "Stop" : "Replay";
        const when = item.querySelector("b").textContent;
        label(item.querySelector("button"), does, `${does} the take of ${when}`);
    }
    async show() {
        const summaries = await this.shelf.summaries();
        const wanted = new Map(summaries.map((summary) => [summary.began, summary]));
        // What is listed as it is stays: it may have the focus, or wait for an answer.
        for (const item of [...this.list.children]) {
            const summary = wanted.get(item.dataset["began"]);
            wanted.delete(item.dataset["began"]);
            if (!summary)
                item.remove();
            else if (item.dataset["summary"] !== JSON.stringify(summary))
                item.replaceWith(this.item(summary));
        }
        this.list.prepend(...[...wanted.values()].map((summary) => this.item(summary)));
        element("takes-count").textContent = summaries.length ? String(summaries.length) : "";
        element("takes-none").hidden = summaries.length > 0;
    }
    item(summary) {
        const { began, seconds, bpm, chords } = summary;
        const item = document.createElement("li");
        item.dataset["began"] = began;
        item.dataset["summary"] = JSON.stringify(summary);
        const title = document.createElement("p");
        const name = document.createElement("b");
        const when = new Date(began);
        name.textContent = when.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
        const length = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
        title.append(name, ` ${length} · ${bpm} BPM · ${chords.map(displayName).join(" ") || "no chords"}`);
        const buttons = document.createElement("p");
        const file = `gapt ${began.slice(0, 19).replaceAll(":", "-")}`;
        const about = `take of ${name.textContent}`;
        const read = async (use) => {
            try {
                use(await this.shelf.take(began));
            }
            catch {
                this.handlers.onFailed("This take cannot be read.");
            }
        };
        buttons.append(button("", "", () => {
            if (began === this.replayed)
                this.handlers.onStop();
            else
                void read(this.handlers.onReplay);
        }), button("MIDI", `Save the ${about} as MIDI`, () => {
            void read((take) => download(`${file}.mid`, midiFile(take), "audio/midi"));
        }), button("JSON", `Save the ${about} as JSON`, () => {
            void read((take) => download(`${file}.json`, JSON.stringify(take, null, 1), "application/json"));
        }));
        let asked = -Infinity;
        const remove = button("Delete", `Delete the ${about}`, ({ timeStamp }) => {
            if (remove.textContent !== SURE)
                asked = timeStamp;
            else if (timeStamp - asked > READ_MS)
                void this.remove(item);
            label(remove, SURE, `${SURE} Delete the ${about} for good`);
            setTimeout(() => label(remove, "Delete", `Delete the ${about}`), SURE_MS);
        });
        buttons.append(remove);
        item.append(title, buttons);
        this.labelReplay(item);
        return item;
    }
    async remove(item) {
        try {
            await this.shelf.remove(item.dataset["began"]);
            if (item.dataset["began"] === this.replayed)
                this.handlers.onStop();
            if (item.contains(document.activeElement))
                this.focusBeside(item);
            await this.show();
        }
        catch {
            this.handlers.onFailed("This take cannot be deleted.");
        }
    }
    /** The Delete of the next take, else of the previous; else what opens the list. */
    focusBeside(item) {
        const beside = item.nextElementSibling ?? item.previousElementSibling;
        const next = beside?.querySelector("button:last-child");
        (next ?? element("takes-box").querySelector("summary"))?.focus();
    }
}
/** Nothing was played but in the count-in. */
function isEmpty(take) {
    return !wholeNotes(take).some(({ to }) => to > 0);
}
function button(text, name, act) {
    const made = document.createElement("button");
    made.type = "button";
    label(made, text, name);
    made.addEventListener("click", act);
    // A key that is held would press it again and again, and then the next take's.
    made.addEventListener("keydown", (event) => event.repeat && event.preventDefault());
    return made;
}
function label(button, text, name) {
    button.textContent = text;
    button.setAttribute("aria-label", name);
    button.title = name;
}
function download(name, content, type) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
