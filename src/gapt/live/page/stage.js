/**
 * What is seen while playing: the sounding chord in large letters and the next one beside it, the
 * place in the bar, the bars as on a lead sheet, two gauges, the roll, the runway and the piano.
 *
 * `draw` runs once a screen frame and touches only what has changed. Knows no sound, no network.
 */
import { FRAMES_PER_BEAT } from "./clock.js";
import { element, span } from "./dom.js";
import { chordHue, chordParts, displayName } from "./names.js";
import { chordIndexAt, framesPerBar, } from "./performance.js";
import { Piano } from "./piano.js";
import { Roll } from "./roll.js";
import { Runway } from "./runway.js";
const STRIP_BARS = 8;
const PHRASE_BARS = 4;
/** "Am7/E" as it is set: root, accidental, suffix and bass in their sizes. */
function setChord(node, name) {
    const { root, accidental, suffix, bass } = chordParts(name);
    node.replaceChildren(root, span("accidental", accidental), span("suffix", suffix));
    if (bass)
        node.append(span("bass", `/${bass}`));
}
export class Stage {
    piano = new Piano(element("piano"));
    chord = element("chord");
    next = element("coming");
    bar = element("bar");
    beats = element("beats");
    strip = element("strip");
    cells = [];
    roll = new Roll(element("roll"));
    runway = new Runway(element("runway"), this.piano);
    reducedMotion = matchMedia("(prefers-reduced-motion: reduce)");
    shown = new Map();
    constructor() {
        for (let i = 0; i < STRIP_BARS; i++) {
            const cell = document.createElement("li");
            this.strip.append(cell);
            this.cells.push(cell);
        }
    }
    /**
     * @param performance what plays, or played last
     * @param position of what is heard, in frames; where it stopped, if it has
     */
    draw(performance, position, playing) {
        const steady = this.reducedMotion.matches ? Math.floor(position) : position;
        this.roll.draw(performance, steady);
        this.runway.draw(playing ? performance : null, steady);
        if (!performance || !playing)
            return;
        this.drawBeat(performance, position);
        const heard = chordIndexAt(performance.chords, position);
        const sounding = performance.chords[heard] ?? null;
        this.drawChord(performance, position, sounding);
        this.drawNext(performance, position, sounding);
        this.drawStrip(performance, position, heard);
    }
    showGauges({ fit, variety }) {
        this.when("fit", fit === null ? "–" : `${Math.round(100 * fit)} %`, (text) => {
            element("fit").value = fit ?? 0;
            element("fit-value").textContent = text;
        });
        this.when("variety", variety ? variety.toFixed(1) : "–", (text) => {
            element("variety").value = variety;
            element("variety-value").textContent = text;
        });
    }
    /** Between takes: the last chord and the bars stay to be looked at, the keys go dark. */
    clear() {
        this.shown.clear();
        this.piano.lightChord([]);
        this.bar.textContent = "";
        this.next.replaceChildren();
        for (const dot of this.beats.children)
            dot.className = "";
    }
    drawBeat({ beatsPerBar }, position) {
        this.when("metre", beatsPerBar, () => {
            this.beats.replaceChildren(...Array.from({ length: beatsPerBar }, () => document.createElement("i")));
        });
        const beat = Math.floor(position / FRAMES_PER_BEAT);
        this.when("beat", beat, () => {
            const bar = Math.floor(beat / beatsPerBar);
            this.bar.textContent = bar < 0 ? "count-in" : `bar ${bar + 1}`;
            [...this.beats.children].forEach((dot, i) => {
                dot.className = i === beat - bar * beatsPerBar ? "now" : "";
            });
        });
    }
    drawChord({ beatsPerBar, listen }, position, chord) {
        const count = beatsPerBar + 1 + Math.floor(position / FRAMES_PER_BEAT);
        const silent = listen && !chord ? "listening" : "tacet";
        const text = position < 0 ? String(Math.max(1, count)) : (chord?.name ?? silent);
        this.when("chord", `${text} ${chord?.frame}`, () => {
            this.piano.lightChord(position < 0 ? [] : (chord?.notes ?? []));
            if (position < 0) {
                this.chord.className = "count";
                this.chord.textContent = text;
            }
            else if (!chord?.name) {
                this.chord.className = "silence";
                this.chord.textContent = text;
            }
            else {
                this.chord.className = text.length > 7 ? "long" : "";
                setChord(this.chord, text);
                document.documentElement.style.setProperty("--hue", String(chordHue(text)));
            }
        });
    }
    /** The first chord of the plan that is another one, and in how many beats. */
    drawNext(performance, position, sounding) {
        const coming = performance.coming(Math.max(0, Math.floor(position)));
        const next = coming.find(({ frame, name }) => frame > position && name !== null && name !== sounding?.name);
        const beats = next ? Math.ceil((next.frame - position) / FRAMES_PER_BEAT) : 0;
        const final = next !== undefined && next.frame < performance.committed;
        this.when("next", next ? `${next.name} ${beats} ${final}` : "", () => {
            this.next.replaceChildren();
            if (!next)
                return;
            const name = span("name", "");
            setChord(name, next.name);
            name.style.setProperty("--hue", String(chordHue(next.name)));
            this.next.append(name, span("in", beats <= 1 ? "next beat" : `in ${beats} beats`));
            this.next.classList.toggle("tentative", !final);
        });
    }
    drawStrip(performance, position, heard) {
        const perBar = framesPerBar(performance.beatsPerBar);
        const bar = Math.max(0, Math.floor(position / perBar));
        this.when("strip", `${bar} ${heard} ${performance.chords[heard]?.frame}`, () => {
            const first = Math.max(0, Math.floor(bar / PHRASE_BARS) * PHRASE_BARS - PHRASE_BARS);
            const chords = performance.chords.slice(0, heard + 1);
            this.cells.forEach((cell, i) => this.drawCell(cell, chords, first + i, bar, perBar));
        });
    }
    drawCell(cell, chords, bar, current, perBar) {
        const end = (bar + 1) * perBar;
        const names = [];
        let held = "";
        for (let i = chords.length - 1; i >= 0; i--) {
            const { frame, name } = chords[i];
            if (frame >= end)
                continue;
            if (frame < end - perBar) {
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
    /** Runs `update` when the value shown under `key` is another one than last time. */
    when(key, value, update) {
        const text = String(value);
        if (this.shown.get(key) === text)
            return;
        this.shown.set(key, text);
        update(text);
    }
}
