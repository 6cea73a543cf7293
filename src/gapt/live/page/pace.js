/**
 * How often the stage may be painted. The music comes first: while ticks come late, ever less often,
 * in the end four times a second; when they have been on time for a while, more often again.
 *
 * Knows only when ticks came.
 */
const LATE_TICK_MS = 20;
const SOME_TIME_MS = 1000;
const A_WHILE_MS = 4000;
const PAUSES_MS = [0, 60, 120, 250];
export class Pace {
    level = 0;
    tickedAt = Infinity;
    lateAt = -Infinity;
    changedAt = -Infinity;
    /** Milliseconds to leave to the music before the next picture. */
    get pause() {
        return PAUSES_MS[this.level];
    }
    /** @param now when a tick came, in milliseconds */
    tick(now) {
        if (now - this.tickedAt > LATE_TICK_MS)
            this.lateAt = now;
        this.tickedAt = now;
        const late = now === this.lateAt;
        if (late && this.level < PAUSES_MS.length - 1 && now - this.changedAt > SOME_TIME_MS)
            this.level++;
        else if (this.level && now - Math.max(this.lateAt, this.changedAt) > A_WHILE_MS)
            this.level--;
        else
            return;
        this.changedAt = now;
    }
}
