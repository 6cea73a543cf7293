/**
 * Musical time on the audio clock.
 *
 * Positions are in sixteenth-note frames (fractional; frame 0 is the first downbeat after the
 * count-in, so the count-in is negative); times are seconds of `AudioContext.currentTime`.
 * Knows no sound and no network.
 */
export const FRAMES_PER_BEAT = 4;
/** Seconds ahead of their time at which chords and clicks are handed to the audio clock. */
export const AHEAD = 0.1;
function segment(frame, time, bpm) {
    return { frame, time, bpm, period: 60 / bpm / FRAMES_PER_BEAT };
}
/** A tempo map: piecewise constant, changed only in the future. */
export class Transport {
    segments;
    /** @param start time of the first frame, `frame`: negative if there is a count-in */
    constructor(start, frame, bpm) {
        this.segments = [segment(frame, start, bpm)];
    }
    get tempos() {
        return this.segments.map(({ frame, bpm }) => ({ frame, bpm }));
    }
    timeOf(frame) {
        const s = this.last((segment) => segment.frame <= frame);
        return s.time + (frame - s.frame) * s.period;
    }
    positionAt(time) {
        const s = this.last((segment) => segment.time <= time);
        return s.frame + (time - s.time) / s.period;
    }
    /** @param frame from which it counts; nothing after it may be scheduled already */
    setTempo(bpm, frame) {
        const time = this.timeOf(frame);
        while (this.segments.length > 1 && this.segments[this.segments.length - 1].frame >= frame) {
            this.segments.pop();
        }
        this.segments.push(segment(frame, time, bpm));
    }
    last(reached) {
        for (let i = this.segments.length - 1; i > 0; i--) {
            const segment = this.segments[i];
            if (reached(segment))
                return segment;
        }
        return this.segments[0];
    }
}
/** Seconds that hold many bursts of the audio thread, and in which clocks drift by microseconds. */
const WINDOW = 0.25;
/**
 * `AudioContext.currentTime` without its steps. The audio thread works in bursts of some 10 ms, and
 * between them its clock stands still; this one runs on with the system's. It is never behind the
 * audio clock, so what is scheduled after it is in the future.
 *
 * It goes by the bursts' upper edge: the most that the audio clock was ahead of the system's in this
 * window and the one before. So after a stall of the audio thread
 * (a busy machine, another device) it is right again within half a second.
 */
export class AudioClock {
    audio;
    began = -Infinity;
    newest = -Infinity;
    before = -Infinity;
    constructor(audio) {
        this.audio = audio;
    }
    now() {
        const system = performance.now() / 1000;
        const ahead = this.audio.currentTime - system;
        if (system > this.began + WINDOW) {
            this.began = system;
            this.before = this.newest;
            this.newest = ahead;
        }
        const halted = ahead < Math.max(this.newest, this.before) - 0.1;
        if (halted)
            this.newest = this.before = ahead;
        this.newest = Math.max(this.newest, ahead);
        return system + Math.max(this.newest, this.before);
    }
}
/**
 * Seconds until the next tick at most: what is due can change meanwhile. No multiple of the audio
 * thread's 10 ms: `AudioClock` is to be read at many places of a burst.
 */
const MAX_WAIT = 0.037;
/**
 * Calls those who want it when something is due, from a worker: timers of a page in the background,
 * or of a busy one, come late. Ticks only decide when to look; what sounds is scheduled on the audio
 * clock. While nobody wants it, it costs nothing.
 */
export class Ticker {
    wanted = new Set();
    worker = new Worker(new URL("./ticker.js", import.meta.url), { type: "module" });
    due = 0;
    /** @param onTick is told when a tick came and when it was due, in milliseconds */
    constructor(onTick) {
        this.worker.onmessage = () => {
            if (this.wanted.size === 0)
                return;
            onTick(performance.now(), this.due);
            this.tick();
        };
    }
    start(tick) {
        this.wanted.add(tick);
        this.tick();
    }
    stop(tick) {
        this.wanted.delete(tick);
    }
    tick() {
        const waits = [...this.wanted].map((tick) => tick());
        if (this.wanted.size === 0)
            return; // what was played is over
        const wait = Math.ceil(1000 * Math.max(0, Math.min(MAX_WAIT, ...waits)));
        this.due = performance.now() + wait;
        this.worker.postMessage(wait);
    }
}
