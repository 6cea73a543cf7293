/**
 * From key presses to what the model hears: one melody state per frame, monophonic.
 *
 * A press at position p belongs to frame round(p), so the melody of frame t is final at t + 0.5,
 * which is when `nextState` may be called for it. In one frame the newest press wins; a note always gets
 * its onset frame, however short; a new note ends the one before it. Pure: knows no clock, no
 * sound, no network.
 */

import type { State } from "./protocol.js";

interface Note {
  pitch: number;
  on: number;
  end: number;
}

export class Melody {
  /** The frame that `nextState` tells. */
  frame = 0;
  private sounding: Note | null = null;
  private readonly pending: Note[] = [];

  press(pitch: number, position: number): void {
    // A press that reaches us after its frame was told belongs to the next; before frame 0 (the
    // count-in) nothing was told.
    const on = this.frame === 0 ? Math.round(position) : Math.max(Math.round(position), this.frame);
    this.pending.push({ pitch, on, end: Infinity });
  }

  release(pitch: number, position: number): void {
    const held = (note: Note): boolean => note.pitch === pitch && note.end === Infinity;
    const note = this.pending.findLast(held) ?? this.sounding;
    if (note && held(note)) note.end = Math.max(Math.round(position), note.on + 1);
  }

  /** The state of the next frame; call once its middle has passed. */
  nextState(): State {
    const frame = this.frame++;
    let struck: Note | null = null;
    while (this.pending[0] && this.pending[0].on <= frame) struck = this.pending.shift()!;
    // A note of the count-in that is still held begins at frame 0; one that has ended does not.
    if (struck && struck.end > frame) {
      this.sounding = struck;
      return { pitch: struck.pitch, onset: true };
    }
    if (this.sounding && this.sounding.end > frame) {
      return { pitch: this.sounding.pitch, onset: false };
    }
    this.sounding = null;
    return { pitch: null, onset: false };
  }
}
