/**
 * What a take said and when: every frame's melody, chord, and whether the chord came in time.
 *
 * Knows numbers only.
 */
const KEPT = 4096; // frames: eight minutes at 120 BPM
const RECENT = 64;
export class Ledger {
    frames = [];
    /** How many chords were not final when their frame began, while the server could be reached. */
    late = 0;
    /** How many frames were played without the server. */
    alone = 0;
    add(record) {
        this.frames.push(record);
        if (record.late)
            this.late++;
        if (this.frames.length > KEPT)
            this.frames.shift();
    }
    replaceLast(record) {
        this.frames[this.frames.length - 1] = record;
    }
    get last() {
        return this.frames[this.frames.length - 1];
    }
    at(frame) {
        return this.frames[frame - (this.frames[0]?.frame ?? 0)];
    }
    /** The smallest time in seconds that a recent chord came ahead of its frame; null at first. */
    get margin() {
        const times = this.frames.slice(1).slice(-RECENT).filter((record) => record.decided !== null);
        return times.length ? Math.min(...times.map((r) => r.start - r.decided)) : null;
    }
}
