/**
 * The chords to come, falling toward the piano's keys: filled once they are final, outlined while
 * they may still change, each under its name. Draws what it is given.
 */
import { Canvas } from "./canvas.js";
import { FRAMES_PER_BEAT } from "./clock.js";
import { displayName } from "./names.js";
import { framesPerBar } from "./performance.js";
const MIN_SPAN = 8; // frames from top to bottom
const NAME_SIZE = 26; // CSS pixels
export class Runway {
    piano;
    canvas;
    span = MIN_SPAN;
    constructor(element, piano) {
        this.piano = piano;
        this.canvas = new Canvas(element);
    }
    draw(performance, position) {
        if (!this.canvas.begin(performance, performance && position) || !performance)
            return;
        const { context: c, palette, width, height } = this.canvas;
        const coming = performance.coming(Math.max(0, Math.floor(position)));
        const reach = coming.length ? coming[coming.length - 1].frame + 1 - position : 0;
        this.span += (Math.min(40, Math.max(MIN_SPAN, reach)) - this.span) * 0.05;
        const y = (frame) => height - ((frame - position) / this.span) * height;
        const bar = framesPerBar(performance.beatsPerBar);
        c.fillStyle = palette.line;
        const firstBeat = Math.ceil(position / FRAMES_PER_BEAT) * FRAMES_PER_BEAT;
        for (let frame = firstBeat; frame < position + this.span; frame += FRAMES_PER_BEAT) {
            c.globalAlpha = frame % bar === 0 ? 0.9 : 0.35;
            c.fillRect(0, Math.round(y(frame)), width, 1);
        }
        const runs = blocks(coming, performance.committed);
        const foot = ({ from }) => Math.min(height, y(from));
        for (const block of runs)
            this.drawBlock(block, Math.max(0, y(block.end)), foot(block));
        // The next chord's name first; after a short one there is no room for the name of another.
        let free = height;
        for (const block of runs) {
            const baseline = Math.max(NAME_SIZE, foot(block) - 9);
            if (!block.struck || baseline > free)
                continue;
            this.drawName(block, baseline);
            free = baseline - NAME_SIZE;
        }
        c.globalAlpha = 1;
    }
    drawBlock(block, top, bottom) {
        const { context: c, width } = this.canvas;
        const colour = this.canvas.chordColour(block.name);
        c.fillStyle = colour;
        c.globalAlpha = block.final ? 0.13 : 0.05;
        c.fillRect(0, top, width, bottom - top);
        c.strokeStyle = colour;
        c.lineWidth = 1.5;
        c.setLineDash(block.final ? [] : [3, 4]);
        for (const pitch of block.notes) {
            const column = this.piano.column(pitch);
            if (!column)
                continue;
            const x = column.left * width + 3;
            const w = column.width * width - 6;
            c.beginPath();
            c.roundRect(x, top + 1.5, w, Math.max(3, bottom - top - 3), 4);
            const far = this.piano.fold(pitch) !== pitch; // a key of this piano, but octaves away
            c.globalAlpha = (block.final ? 0.95 : 0.6) * (far ? 0.45 : 1);
            if (block.final)
                c.fill();
            else
                c.stroke();
        }
        if (!block.struck)
            return;
        c.globalAlpha = block.final ? 1 : 0.5;
        c.fillRect(0, bottom - 2, width, 2);
    }
    drawName(block, baseline) {
        const { context: c, palette, width } = this.canvas;
        c.fillStyle = this.canvas.chordColour(block.name);
        c.globalAlpha = block.final ? 1 : 0.75;
        c.font = `${block.final ? 650 : 500} ${NAME_SIZE}px ${palette.font}`;
        c.textBaseline = "alphabetic";
        const name = displayName(block.name);
        c.setLineDash([]);
        c.lineWidth = 5;
        c.lineJoin = "round";
        c.strokeStyle = palette.background;
        c.textAlign = "right"; // away from the bass
        c.strokeText(name, width - 12, baseline);
        c.fillText(name, width - 12, baseline);
    }
}
/** Runs of one chord; a run that is partly final is cut there. */
function blocks(coming, committed) {
    const runs = [];
    for (const { frame, name, notes, onset } of coming) {
        const last = runs[runs.length - 1];
        const final = frame < committed;
        if (name === null)
            continue;
        if (last && !onset && last.name === name && last.final === final && last.end === frame) {
            last.end++;
        }
        else {
            const goesOn = !onset && (last === undefined || (last.name === name && last.end === frame));
            runs.push({ name, notes, from: frame, end: frame + 1, struck: !goesOn, final });
        }
    }
    return runs;
}
