/**
 * What a take said and when: every frame's melody, chord, and whether the chord came in time.
 *
 * Knows numbers only.
 */

import type { ChordMessage } from "./connection.js";
import type { MelodyState } from "./melody.js";

export interface FrameRecord {
  readonly frame: number;
  /** Audio time at which the frame starts. */
  readonly start: number;
  /** Audio time at which its chord was known. */
  readonly decided: number;
  readonly onset: boolean;
  readonly name: string | null;
  readonly notes: readonly number[];
  /** What the model was told the player did in it; null until then. */
  melody: MelodyState | null;
}

const KEPT = 4096; // frames: eight minutes at 120 BPM
const RECENT = 64;

export class Ledger {
  readonly frames: FrameRecord[] = [];
  /** How many chords came after their frame had begun. */
  late = 0;

  decided(chord: ChordMessage, start: number, now: number): void {
    if (now > start) this.late++;
    const { frame, onset, name, notes } = chord;
    this.frames.push({ frame, start, decided: now, onset, name, notes, melody: null });
    if (this.frames.length > KEPT) this.frames.shift();
  }

  told(state: MelodyState): void {
    const record = this.frames[this.frames.length - 1];
    // The newest record is this frame's unless an answer is late; then look further back.
    const own = record?.frame === state.frame ? record : this.frames.find((r) => r.frame === state.frame);
    if (own) own.melody = state;
  }

  /** The smallest time in seconds that a recent chord came ahead of its frame; null at first. */
  get margin(): number | null {
    const recent = this.frames.slice(1).slice(-RECENT);
    return recent.length ? Math.min(...recent.map((r) => r.start - r.decided)) : null;
  }
}
