/**
 * What the page shows. Owns the elements; knows no sound and no network.
 *
 * `draw` runs once a screen frame and touches only what has changed.
 */
import { BEATS_PER_BAR, FRAMES_PER_BAR, FRAMES_PER_BEAT } from "./clock.js";
import { KEY_CODES } from "./input.js";
import { chordHue, chordParts, displayName, noteName } from "./names.js";
import { Roll } from "./roll.js";
const BLACK = new Set([1, 3, 6, 8, 10]);
const MIN_KEY_WIDTH = 34;
const STRIP_BARS = 8;
const PHRASE_BARS = 4;
function element(id) {
    return document.getElementById(id);
}
function span(className, text) {
    const node = document.createElement("span");
    node.className = className;
    node.textContent = text;
    return node;
}
export class View {
    start = element("start");
    tempo = element("tempo");
    temperature = element("temperature");
    volume = element("volume");
    metronome = element("metronome");
    octaveDown = element("octave-down");
    octaveUp = element("octave-up");
    model = element("model");
    midi = element("midi");
    piano = element("piano");
    status = element("status");
    timing = element("timing");
    chord = element("chord");
    bar = element("bar");
    beats = [...document.querySelectorAll("#where i")];
    strip = element("strip");
    cells = [];
    roll = new Roll(element("roll"));
    reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
    keys = new Map();
    pressed = new Set();
    shown = new Map();
    letters = [..."AWSEDFTGYHUJKOLP;'"];
    base = 60;
    chordNotes = [];
    constructor() {
        for (let i = 0; i < STRIP_BARS; i++) {
            const cell = document.createElement("li");
            this.strip.append(cell);
            this.cells.push(cell);
        }
        new ResizeObserver(() => this.layPiano()).observe(this.piano);
        void this.readLetters();
        for (const slider of [this.tempo, this.temperature, this.volume]) {
            slider.addEventListener("input", () => this.showValue(slider));
            this.showValue(slider);
        }
        // After a click the keyboard is for playing again; who tabs to a control stays on it.
        element("controls").addEventListener("click", (event) => {
            const focused = document.activeElement;
            if (event.detail > 0 && focused instanceof HTMLElement && focused !== this.model) {
                focused.blur();
            }
        });
        this.model.addEventListener("change", () => this.model.blur());
    }
    setStatus(text, level) {
        this.status.textContent = text;
        this.status.dataset["level"] = level;
    }
    setPlaying(playing) {
        this.start.textContent = playing ? "Stop" : "Start";
        document.body.classList.toggle("playing", playing);
    }
    setModels(models, current) {
        this.model.replaceChildren(...models.map((name) => new Option(name, name)));
        this.model.value = current;
    }
    setTemperature(value) {
        this.temperature.value = String(value);
        this.showValue(this.temperature);
    }
    showValue(slider) {
        element(`${slider.id}-value`).textContent = slider.value;
    }
    setOctave(base) {
        this.base = base;
        element("octave").textContent = noteName(base);
        this.layPiano();
    }
    setPressed(pitch, down) {
        if (down)
            this.pressed.add(pitch);
        else
            this.pressed.delete(pitch);
        this.keys.get(pitch)?.classList.toggle("pressed", down);
    }
    /**
     * @param take the one that plays, or the last one
     * @param position of what is heard, in frames; where it stopped, if it has
     */
    draw(take, position, playing) {
        const steady = this.reducedMotion.matches ? Math.floor(position) : position;
        this.roll.draw(take, steady);
        if (!take || !playing)
            return;
        this.drawBeat(position);
        this.drawChord(position, this.soundingChord(take, position));
        this.drawStrip(take, position);
        this.drawTiming(take);
    }
    soundingChord(take, position) {
        for (let i = take.chords.length - 1; i >= 0; i--) {
            if (take.chords[i].frame <= position)
                return take.chords[i];
        }
        return null;
    }
    drawBeat(position) {
        const beat = Math.floor(position / FRAMES_PER_BEAT);
        this.when("beat", beat, () => {
            const bar = Math.floor(beat / BEATS_PER_BAR);
            this.bar.textContent = bar < 0 ? "count-in" : `bar ${bar + 1}`;
            this.beats.forEach((dot, i) => {
                dot.className = i === beat - bar * BEATS_PER_BAR ? "now" : "";
            });
        });
    }
    drawChord(position, chord) {
        const count = BEATS_PER_BAR + 1 + Math.floor(position / FRAMES_PER_BEAT);
        const text = position < 0 ? String(Math.max(1, count)) : (chord?.name ?? "");
        this.when("chord", `${text} ${chord?.frame}`, () => {
            this.lightChord(position < 0 ? [] : (chord?.notes ?? []));
            if (position < 0) {
                this.chord.className = "count";
                this.chord.textContent = text;
            }
            else if (!text) {
                this.chord.className = "silence";
                this.chord.textContent = "tacet";
            }
            else {
                const { root, accidental, suffix, bass } = chordParts(text);
                this.chord.className = text.length > 7 ? "long" : "";
                this.chord.replaceChildren(root, span("accidental", accidental), span("suffix", suffix));
                if (bass)
                    this.chord.append(span("bass", `/${bass}`));
                document.documentElement.style.setProperty("--hue", String(chordHue(text)));
            }
        });
    }
    drawStrip(take, position) {
        const newest = take.chords[take.chords.length - 1];
        // What is decided is shown at once: the next chord is seen half a frame before it sounds.
        const bar = Math.max(0, Math.floor(Math.max(position, newest?.frame ?? 0) / FRAMES_PER_BAR));
        this.when("strip", `${bar} ${newest?.frame} ${take.chords.length}`, () => {
            const first = Math.max(0, Math.floor(bar / PHRASE_BARS) * PHRASE_BARS - PHRASE_BARS);
            this.cells.forEach((cell, i) => this.drawCell(cell, take, first + i, bar));
        });
    }
    drawCell(cell, take, bar, current) {
        const end = (bar + 1) * FRAMES_PER_BAR;
        const names = [];
        let held = "";
        for (let i = take.chords.length - 1; i >= 0; i--) {
            const { frame, name } = take.chords[i];
            if (frame >= end)
                continue;
            if (frame < end - FRAMES_PER_BAR) {
                if (names.length === 0)
                    held = name ?? "";
                break;
            }
            const shown = name ?? "–";
            if (names[0] !== shown)
                names.unshift(shown);
        }
        const phrase = Math.floor(bar / PHRASE_BARS) === Math.floor(current / PHRASE_BARS);
        cell.className = `${bar === current ? "now" : ""} ${phrase ? "phrase" : ""}`;
        cell.style.setProperty("--letters", String(names.join(" ").length || held.length || 1));
        if (bar > current)
            cell.replaceChildren();
        else if (names.length)
            cell.replaceChildren(...names.map((n) => span("", displayName(n))));
        else
            cell.replaceChildren(span("held", held && displayName(held)));
    }
    drawTiming(take) {
        this.when("timing", Math.floor(performance.now() / 500), () => {
            const { late, margin } = take.ledger;
            const ms = Math.round(1000 * (margin ?? 0));
            const spare = margin === null ? "" : ms < 0 ? ` · ${-ms} ms behind` : ` · ${ms} ms to spare`;
            this.timing.textContent = `late ${late}${spare}`;
            this.timing.classList.toggle("late", late > 0);
        });
    }
    /** Runs `update` when the value shown under `key` is another one than last time. */
    when(key, value, update) {
        const text = String(value);
        if (this.shown.get(key) === text)
            return;
        this.shown.set(key, text);
        update();
    }
    /** Between takes: the last chord and the bars stay to be looked at, the keys go dark. */
    clearStage() {
        this.shown.clear();
        this.lightChord([]);
        this.bar.textContent = "";
        for (const dot of this.beats)
            dot.className = "";
    }
    lightChord(notes) {
        for (const pitch of this.chordNotes)
            this.keys.get(pitch)?.classList.remove("chord");
        for (const pitch of notes)
            this.keys.get(pitch)?.classList.add("chord");
        this.chordNotes = notes;
    }
    /** As many keys as fit: the eighteen of the computer's keyboard, two octaves, or three. */
    layPiano() {
        const room = Math.floor(this.piano.clientWidth / MIN_KEY_WIDTH);
        const [first, last] = room >= 22 ? [this.base - 12, this.base + 24]
            : room >= 15 ? [this.base, this.base + 24]
                : [this.base, this.base + 17];
        this.keys.clear();
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
            key.tabIndex = -1;
            key.dataset["pitch"] = String(pitch);
            key.setAttribute("aria-label", noteName(pitch));
            key.className = black ? "black" : "white";
            const letter = this.letters[pitch - this.base];
            if (letter)
                key.append(span("letter", letter));
            if (this.pressed.has(pitch))
                key.classList.add("pressed");
            if (this.chordNotes.includes(pitch))
                key.classList.add("chord");
            if (black) {
                key.style.left = `${(100 * white) / count}%`;
                key.style.width = `${62 / count}%`;
                blacks.push(key);
            }
            else {
                white++;
                whites.push(key);
            }
            this.keys.set(pitch, key);
        }
        this.piano.replaceChildren(...whites, ...blacks);
    }
    /** The letters printed on this keyboard's keys, where the browser tells. */
    async readLetters() {
        const keyboard = navigator
            .keyboard;
        try {
            const layout = await keyboard?.getLayoutMap();
            if (!layout?.size)
                return;
            this.letters = KEY_CODES.map((code, i) => layout.get(code)?.toUpperCase() ?? this.letters[i]);
            this.layPiano();
        }
        catch {
            // Not told: keep those of the US layout.
        }
    }
}
