/** Whether chords come in time: the line that says so, and the watch that acts on it. */
import { framesPerBar } from "./performance.js";
import { element } from "./stage.js";
/** Late chords in a bar that are no accident. */
const TOO_OFTEN = 4;
export class Timing {
    line = element("timing");
    take = null;
    bar = 0;
    late = 0;
    /** @param link milliseconds to the server and back, if known */
    show({ ledger }, link) {
        const { late, alone, margin } = ledger;
        const ms = Math.round(1000 * (margin ?? 0));
        const parts = [`late ${late}`];
        if (alone)
            parts.push(`alone ${alone}`);
        if (margin !== null)
            parts.push(ms < 0 ? `${-ms} ms behind` : `${ms} ms to spare`);
        if (link !== null)
            parts.push(`link ${link.toFixed(1)} ms`);
        this.line.textContent = parts.join(" · ");
        this.line.classList.toggle("late", late > 0);
    }
    /** Once a bar: whether chords came late again and again in the last one. */
    failed(take) {
        const bar = Math.floor(take.position() / framesPerBar(take.beatsPerBar));
        const same = take === this.take;
        if (same && bar === this.bar)
            return false;
        const late = take.ledger.late - this.late;
        [this.take, this.bar, this.late] = [take, bar, take.ledger.late];
        return same && late >= TOO_OFTEN;
    }
}
