/**
 * The moving roll: the last four bars on a canvas, the player's notes as they were played, the
 * chords' notes behind them, and their names below.
 *
 * Draws what it is given; knows no sound and no network.
 */
import { Canvas } from "./canvas.js";
import { FRAMES_PER_BEAT } from "./clock.js";
import { chordParts, displayName } from "./names.js";
import { framesPerBar } from "./performance.js";
const BARS = 4;
const FUTURE = 5;
const LANE = 32; // CSS pixels for the chord names
const MIN_PITCH = 52;
const MAX_PITCH = 80;
export class Roll {
    canvas;
    low = MIN_PITCH;
    high = MAX_PITCH;
    constructor(element) {
        this.canvas = new Canvas(element);
    }
    draw(take, position) {
        if (!this.canvas.begin(take, position))
            return;
        const { context: c, palette, width, height } = this.canvas;
        const bar = framesPerBar(take?.beatsPerBar ?? 4);
        const past = BARS * bar;
        const left = position - past;
        const view = {
            position,
            left,
            floor: height - LANE,
            x: (frame) => ((frame - left) / (past + FUTURE)) * width,
        };
        c.fillStyle = palette.line;
        const firstBeat = Math.ceil(left / FRAMES_PER_BEAT) * FRAMES_PER_BEAT;
        for (let frame = firstBeat; frame <= position + FUTURE; frame += FRAMES_PER_BEAT) {
            c.globalAlpha = frame % bar === 0 ? 0.9 : 0.3;
            c.fillRect(Math.round(view.x(frame)), 0, 1, view.floor - 4);
        }
        c.globalAlpha = 1;
        if (take) {
            this.fitPitches(take, left);
            this.drawChords(take, view);
            this.drawMelody(take, view);
            this.drawCues(take, view);
        }
        c.fillStyle = palette.note;
        c.globalAlpha = 0.5;
        c.fillRect(Math.round(view.x(position)), 0, 1.5, height);
        c.globalAlpha = 1;
    }
    drawChords(take, { position, left, x, floor }) {
        const { context: c, palette } = this.canvas;
        for (let i = take.chords.length - 1; i >= 0; i--) {
            const chord = take.chords[i];
            const end = Math.min(take.chords[i + 1]?.frame ?? position, position);
            if (end < left)
                break;
            if (chord.name === null || chord.frame > position)
                continue;
            const from = x(chord.frame);
            const width = Math.max(2, x(end) - from - 2);
            c.fillStyle = this.canvas.chordColour(chord.name);
            c.globalAlpha = 0.45;
            for (const pitch of chord.notes.slice(1))
                this.bar(from, pitch, width, floor);
            c.globalAlpha = 1;
            c.beginPath();
            c.roundRect(from, floor, width, LANE, 6);
            c.fill();
            c.font = `600 15px ${palette.font}`;
            c.textBaseline = "middle";
            // The name, or its root, stays in sight while its chord scrolls out on the left.
            const text = Math.max(from, 0) + 7;
            const room = from + width - 4 - text;
            const { root, accidental } = chordParts(chord.name);
            const name = [displayName(chord.name), root + accidental].find((candidate) => c.measureText(candidate).width <= room);
            c.fillStyle = palette.ink;
            if (name)
                c.fillText(name, text, floor + LANE / 2 + 1);
        }
    }
    drawMelody(take, { position, left, x, floor }) {
        const { context: c, palette } = this.canvas;
        c.fillStyle = palette.note;
        for (const note of take.played) {
            const to = Math.min(note.to ?? position, position);
            if (to < left || note.from > position)
                continue;
            const from = x(note.from);
            this.bar(from, note.pitch, Math.max(4, x(to) - from), floor);
        }
    }
    /** Where another model took over. */
    drawCues(take, { position, left, x }) {
        const { context: c, palette } = this.canvas;
        c.fillStyle = palette.quiet;
        c.font = `12px ${palette.font}`;
        c.textBaseline = "top";
        for (const { frame, model } of take.cues) {
            if (frame <= 0 || frame < left || frame > position)
                continue;
            c.fillRect(x(frame), 0, 1.5, this.canvas.height - LANE);
            c.fillText(model, x(frame) + 6, 1);
        }
    }
    bar(from, pitch, width, floor) {
        const { context: c } = this.canvas;
        const step = (floor - 8) / (this.high - this.low + 1);
        const height = Math.max(4, Math.min(10, step * 0.9));
        const y = floor - 6 - (pitch - this.low + 0.5) * step - height / 2;
        c.beginPath();
        c.roundRect(from, y, width, height, height / 2);
        c.fill();
    }
    /** The pitch range follows what is in sight, unhurriedly. */
    fitPitches(take, left) {
        let low = MIN_PITCH;
        let high = MAX_PITCH;
        for (const note of take.played) {
            if ((note.to ?? Infinity) < left)
                continue;
            low = Math.min(low, note.pitch - 1);
            high = Math.max(high, note.pitch + 1);
        }
        this.low += (low - this.low) * 0.1;
        this.high += (high - this.high) * 0.1;
    }
}
