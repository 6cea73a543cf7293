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

/** From `frame` on, `bpm` beats per minute. */
export interface Tempo {
  frame: number;
  bpm: number;
}

interface Segment extends Tempo {
  time: number;
  period: number;
}

function segment(frame: number, time: number, bpm: number): Segment {
  return { frame, time, bpm, period: 60 / bpm / FRAMES_PER_BEAT };
}

/** A tempo map: piecewise constant, changed only in the future. */
export class Transport {
  private readonly segments: Segment[];

  /** @param start time of the first frame, `frame`: negative if there is a count-in */
  constructor(start: number, frame: number, bpm: number) {
    this.segments = [segment(frame, start, bpm)];
  }

  get tempos(): Tempo[] {
    return this.segments.map(({ frame, bpm }) => ({ frame, bpm }));
  }

  timeOf(frame: number): number {
    const s = this.last((segment) => segment.frame <= frame);
    return s.time + (frame - s.frame) * s.period;
  }

  positionAt(time: number): number {
    const s = this.last((segment) => segment.time <= time);
    return s.frame + (time - s.time) / s.period;
  }

  /** @param frame from which it counts; nothing after it may be scheduled already */
  setTempo(bpm: number, frame: number): void {
    const time = this.timeOf(frame);
    while (this.segments.length > 1 && this.segments[this.segments.length - 1]!.frame >= frame) {
      this.segments.pop();
    }
    this.segments.push(segment(frame, time, bpm));
  }

  private last(reached: (segment: Segment) => boolean): Segment {
    for (let i = this.segments.length - 1; i > 0; i--) {
      const segment = this.segments[i]!;
      if (reached(segment)) return segment;
    }
    return this.segments[0]!;
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
  private began = -Infinity;
  private newest = -Infinity;
  private before = -Infinity;

  constructor(private readonly audio: AudioContext) {}

  now(): number {
    const system = performance.now() / 1000;
    const ahead = this.audio.currentTime - system;
    if (system > this.began + WINDOW) {
      this.began = system;
      this.before = this.newest;
      this.newest = ahead;
    }
    const halted = ahead < Math.max(this.newest, this.before) - 0.1;
    if (halted) this.newest = this.before = ahead;
    this.newest = Math.max(this.newest, ahead);
    return system + Math.max(this.newest, this.before);
  }
}

/** Does what is due, and returns the seconds until more is. */
export type Tick = () => number;

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
  private readonly wanted = new Set<Tick>();
  private readonly worker = new Worker(new URL("./ticker.js", import.meta.url), { type: "module" });
  private due = 0;

  /** @param onTick is told when a tick came and when it was due, in milliseconds */
  constructor(onTick: (now: number, due: number) => void) {
    this.worker.onmessage = () => {
      if (this.wanted.size === 0) return;
      onTick(performance.now(), this.due);
      this.tick();
    };
  }

  start(tick: Tick): void {
    this.wanted.add(tick);
    this.tick();
  }

  stop(tick: Tick): void {
    this.wanted.delete(tick);
  }

  private tick(): void {
    const waits = [...this.wanted].map((tick) => tick());
    if (this.wanted.size === 0) return; // what was played is over
    const wait = Math.ceil(1000 * Math.max(0, Math.min(MAX_WAIT, ...waits)));
    this.due = performance.now() + wait;
    this.worker.postMessage(wait);
  }
}
