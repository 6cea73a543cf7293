/** The list of past takes: replay, export, remove. Owns its elements. */
import { element } from "./dom.js";
import { midiFile } from "./midi_file.js";
import { displayName } from "./names.js";
import { duration } from "./performance.js";
import { Shelf } from "./shelf.js";
/** What Delete says until it is pressed again. */
const SURE = "Sure?";
const SURE_MS = 5000;
export class TakesList {
    onReplay;
    shelf = new Shelf();
    list = element("takes");
    /** @param onReplay is told which take to play again */
    constructor(onReplay) {
        this.onReplay = onReplay;
        void this.show().catch(() => undefined);
    }
    /** Keep a take in which something was played. Rejects if the browser will not keep it. */
    async keep(take) {
        if (!take.notes.some(({ to }) => (to ?? 0) > 0))
            return;
        await this.shelf.keep(take);
        await this.show();
    }
    async show() {
        const takes = await this.shelf.all();
        element("takes-count").textContent = takes.length ? String(takes.length) : "";
        element("takes-none").hidden = takes.length > 0;
        const focused = this.buttons.findIndex((made) => made === document.activeElement);
        const fromEnd = this.buttons.length - focused; // new takes come first
        this.list.replaceChildren(...takes.map((take) => this.item(take)));
        if (focused >= 0)
            this.buttons.at(-fromEnd)?.focus();
    }
    get buttons() {
        return [...this.list.querySelectorAll("button")];
    }
    item(take) {
        const item = document.createElement("li");
        const when = new Date(take.began);
        const title = document.createElement("p");
        const name = document.createElement("b");
        name.textContent = when.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
        const seconds = Math.round(duration(take));
        const length = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
        const bpm = take.tempos[take.tempos.length - 1].bpm;
        const first = take.chords.filter((c) => c.name !== null).slice(0, 4);
        const chords = first.map((chord) => displayName(chord.name)).join(" ");
        title.append(name, ` ${length} · ${bpm} BPM · ${chords || "no chords"}`);
        const buttons = document.createElement("p");
        const file = `gapt ${take.began.slice(0, 19).replaceAll(":", "-")}`;
        const about = `take of ${name.textContent}`;
        buttons.append(button("Replay", `Replay the ${about}`, () => this.onReplay(take)), button("MIDI", `Save the ${about} as MIDI`, () => {
            save(`${file}.mid`, new Blob([midiFile(take)], { type: "audio/midi" }));
        }), button("JSON", `Save the ${about} as JSON`, () => {
            const text = JSON.stringify(take, null, 1);
            save(`${file}.json`, new Blob([text], { type: "application/json" }));
        }));
        const remove = button("Delete", `Delete the ${about}`, () => {
            if (remove.textContent === SURE)
                void this.remove(take.began);
            ask(remove, SURE, `Delete the ${about} for good`);
            setTimeout(() => ask(remove, "Delete", `Delete the ${about}`), SURE_MS);
        });
        buttons.append(remove);
        item.append(title, buttons);
        return item;
    }
    async remove(began) {
        await this.shelf.remove(began);
        await this.show();
    }
}
function button(text, label, act) {
    const made = document.createElement("button");
    made.type = "button";
    ask(made, text, label);
    made.addEventListener("click", act);
    return made;
}
function ask(button, text, label) {
    button.textContent = text;
    button.setAttribute("aria-label", label);
    button.title = label;
}
function save(name, content) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(content);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
