/**
 * How often the stage may be painted. The music comes first: while many ticks come late, ever less
 * often, in the end four times a second; when few have for a while, more often again.
 *
 * Knows only when ticks came.
 */
const LATE_TICK_MS = 20;
const WINDOW_MS = 1000;
/** Late ticks in a window that call for slower painting. A few come late whatever is painted. */
const MANY = 3;
/** Windows in a row with few of them, before more is painted. */
const CALM_WINDOWS = 4;
const PAUSES_MS = [0, 16, 40, 100, 250];
export class Pace {
    level = 0;
    tickedAt = Infinity;
    windowAt = -Infinity;
    late = 0;
    calm = 0;
    /** Milliseconds to wait before the next picture. */
    get pause() {
        return PAUSES_MS[this.level];
    }
    /** @param now when a tick came, in milliseconds */
    tick(now) {
        if (now - this.tickedAt > LATE_TICK_MS)
            this.late++;
        this.tickedAt = now;
        if (now - this.windowAt < WINDOW_MS)
            return;
        const many = this.late >= MANY;
        this.calm = many ? 0 : this.calm + 1;
        if (many)
            this.level = Math.min(this.level + 1, PAUSES_MS.length - 1);
        else if (this.calm >= CALM_WINDOWS)
            this.level = Math.max(this.level - 1, 0);
        this.windowAt = now;
        this.late = 0;
    }
}
