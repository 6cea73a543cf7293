/** Whether chords come in time: the line that says so, and the watch that acts on it. */
import { element } from "./dom.js";
import { framesPerBar } from "./performance.js";
/** Late chords in a bar that are no accident. */
const TOO_OFTEN = 4;
export class Timing {
    line = element("timing");
    /** @param link milliseconds to the server and back, if known */
    show({ ledger }, link) {
        const { late, alone, margin } = ledger;
        const ms = Math.round(1000 * (margin ?? 0));
        const parts = [`late ${late}`];
        if (alone)
            parts.push(`offline ${alone}`);
        if (margin !== null)
            parts.push(ms < 0 ? `${-ms} ms behind` : `${ms} ms to spare`);
        if (link !== null)
            parts.push(`round trip ${link < 0.05 ? "under 1" : link.toFixed(1)} ms`);
        this.line.textContent = parts.join(" · ");
        this.line.classList.toggle("late", late > 0);
    }
    clear() {
        this.line.textContent = "";
        this.line.className = "";
    }
}
/** Whether more has to be fixed ahead. Looks at the music only, so it works out of sight, too. */
export class LateWatch {
    take = null;
    bar = 0;
    /** Once a bar: whether chords came late again and again in the last one. */
    failed(take) {
        const length = framesPerBar(take.beatsPerBar);
        const bar = Math.floor(take.position() / length);
        if (take === this.take && bar <= this.bar)
            return false; // the clock may step back a little
        [this.take, this.bar] = [take, bar];
        return take.ledger.frames.slice(-length).filter(({ late }) => late).length >= TOO_OFTEN;
    }
}
