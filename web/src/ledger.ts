/**
 * What a take said and when: every frame's melody, chord, and whether the chord came in time.
 *
 * Knows numbers only.
 */

import type { State } from "./protocol.js";

export interface FrameRecord {
  readonly frame: number;
  /** Audio time at which the frame starts. */
  readonly start: number;
  /** Audio time at which its chord was final; null if it never was: it was held, or played as planned. */
  decided: number | null;
  /** Whether that was not before its start, though the server could be reached. */
  late: boolean;
  /** The last frame of the melody that the accompanist knew then. */
  heard: number;
  onset: boolean;
  name: string | null;
  notes: readonly number[];
  /** What the accompanist was told of the frame; null until then. */
  melody: State | null;
}

const KEPT = 4096; // frames: eight minutes at 120 BPM
const RECENT = 64;

export class Ledger {
  readonly frames: FrameRecord[] = [];
  /** How many chords were not final when their frame began, while the server could be reached. */
  late = 0;
  /** How many frames were played without the server. */
  alone = 0;

  add(record: FrameRecord): void {
    this.frames.push(record);
    if (record.late) this.late++;
    if (this.frames.length > KEPT) this.frames.shift();
  }

  replaceLast(record: FrameRecord): void {
    this.frames[this.frames.length - 1] = record;
  }

  get last(): FrameRecord | undefined {
    return this.frames[this.frames.length - 1];
  }

  at(frame: number): FrameRecord | undefined {
    return this.frames[frame - (this.frames[0]?.frame ?? 0)];
  }

  /** The smallest time in seconds that a recent chord came ahead of its frame; null at first. */
  get margin(): number | null {
    const times = this.frames.slice(1).slice(-RECENT).filter((record) => record.decided !== null);
    return times.length ? Math.min(...times.map((r) => r.start - r.decided!)) : null;
  }
}
