/** The piano on the page: its keys, where they lie, and which are lit. Knows no sound. */
import { span } from "./dom.js";
import { noteName } from "./names.js";
const BLACK = new Set([1, 3, 6, 8, 10]);
const MIN_KEY_WIDTH = 30;
export class Piano {
    element;
    keys = new Map();
    columns = new Map();
    pressed = new Set();
    letters = [];
    base = 60;
    first = 0;
    last = 0;
    chord = [];
    constructor(element) {
        this.element = element;
        new ResizeObserver(() => this.lay()).observe(element);
    }
    /** @param base MIDI pitch of the computer keyboard's A */
    setOctave(base) {
        this.base = base;
        this.lay();
    }
    /** @param letters of the computer keyboard's keys, from A on */
    setLetters(letters) {
        this.letters = letters;
        this.lay();
    }
    setPressed(pitch, down) {
        if (down)
            this.pressed.add(pitch);
        else
            this.pressed.delete(pitch);
        this.keys.get(pitch)?.classList.toggle("pressed", down);
    }
    lightChord(notes) {
        for (const pitch of this.chord)
            this.keys.get(this.fold(pitch))?.classList.remove("chord", "far");
        for (const pitch of notes) {
            const key = this.fold(pitch);
            this.keys.get(key)?.classList.add(key === pitch ? "chord" : "far");
        }
        this.chord = notes;
    }
    /** Null before the piano is laid. */
    column(pitch) {
        return this.columns.get(this.fold(pitch)) ?? null;
    }
    /** The pitch itself; if the piano has no such key, that of the nearest octave that has one. */
    fold(pitch) {
        const { first, last } = this;
        if (pitch < first)
            return pitch + 12 * Math.ceil((first - pitch) / 12);
        return pitch > last ? pitch - 12 * Math.ceil((pitch - last) / 12) : pitch;
    }
    /** As many keys as fit: the eighteen of the computer's keyboard, or two to four octaves. */
    lay() {
        const room = Math.floor(this.element.clientWidth / MIN_KEY_WIDTH);
        const [first, last] = room >= 29 ? [this.base - 24, this.base + 24]
            : room >= 22 ? [this.base - 12, this.base + 24]
                : room >= 15 ? [this.base, this.base + 24]
                    : [this.base, this.base + 17];
        [this.first, this.last] = [first, last];
        this.keys.clear();
        this.columns.clear();
        const whites = [];
        const blacks = [];
        let count = 0;
        for (let pitch = first; pitch <= last; pitch++)
            if (!BLACK.has(pitch % 12))
                count++;
        let white = 0;
        for (let pitch = first; pitch <= last; pitch++) {
            const black = BLACK.has(pitch % 12);
            const key = document.createElement("button");
            key.type = "button";
            key.tabIndex = -1; // the keyboard plays by letters; a hundred stops of Tab would only bar the way
            key.dataset["pitch"] = String(pitch);
            key.className = black ? "black" : "white";
            const letter = this.letters[pitch - this.base];
            const name = noteName(pitch);
            key.setAttribute("aria-label", letter ? `${name}, ${letter}` : name);
            if (letter)
                key.append(span("letter", letter));
            if (pitch % 12 === 0)
                key.append(span("name", name));
            if (this.pressed.has(pitch))
                key.classList.add("pressed");
            const width = (black ? 0.62 : 1) / count;
            const left = black ? white / count - width / 2 : white / count;
            this.columns.set(pitch, { left, width });
            if (black) {
                key.style.left = `${(100 * white) / count}%`;
                key.style.width = `${100 * width}%`;
                blacks.push(key);
            }
            else {
                white++;
                whites.push(key);
            }
            this.keys.set(pitch, key);
        }
        this.element.replaceChildren(...whites, ...blacks);
        this.lightChord(this.chord);
    }
}
