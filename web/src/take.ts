/**
 * One take, from the count-in to the stop: the timing of the duet.
 *
 * Time runs in sixteenth-note frames. A press at position p belongs to frame round(p), so nothing
 * after t + 0.5 can change frame t: at that moment its melody is told to the server, the chord of
 * frame t + 1 comes back a few milliseconds later, and half a frame (62 ms at 120 BPM) less that
 * is left to schedule it, on the audio clock, exactly at t + 1. Nothing is guessed ahead, and no
 * chord is late. Should an answer come late all the same (a stalled machine, a slow network), the
 * chord that sounds is held until it comes, and it is counted; nothing is scheduled in the past.
 *
 * The player's own notes sound at once, where they were played; only what the model hears is
 * quantised. Knows no page.
 */

import { AudioClock, BEATS_PER_BAR, FRAMES_PER_BAR, FRAMES_PER_BEAT, Transport } from "./clock.js";
import type { ChordMessage } from "./connection.js";
import { Ledger } from "./ledger.js";
import { Melody, type MelodyState } from "./melody.js";
import type { Synth } from "./synth.js";

/** A chord as the page shows it: from `frame` until the next one. */
export interface ShownChord {
  frame: number;
  name: string | null;
  notes: readonly number[];
}

/** A note as it was really played, in positions. */
export interface PlayedNote {
  pitch: number;
  from: number;
  to: number | null;
}

const START_DELAY = 0.15;
const CLICK_AHEAD = 0.1;
/** What is late already is struck this much ahead of now, for the audio thread to take it in. */
const LATE_AHEAD = 0.01;
/** Frames by which a chord should come ahead of its own, whatever else may be done with the time. */
const RESERVE = 0.25;
/** Seconds a frame by which `Take.allowance` grows. */
const ALLOWANCE_STEP = 0.0002;

export class Take {
  readonly transport: Transport;
  readonly ledger = new Ledger();
  readonly chords: ShownChord[] = [];
  readonly played: PlayedNote[] = [];
  metronome: boolean;
  private readonly melody = new Melody();
  private readonly clock: AudioClock;
  /**
   * Players press in time with what they hear, which is the output latency (seconds) behind the
   * audio clock. So positions are taken that much earlier; but then frames are told that much later
   * and the answers have less time. What they leave is used: it grows slowly while chords come
   * well ahead, and shrinks at once when one does not.
   */
  private allowance = 0;
  private nextClick = -FRAMES_PER_BAR;

  constructor(
    private readonly synth: Synth,
    private readonly tell: (state: MelodyState) => void,
    first: ChordMessage,
    tempo: number,
    metronome: boolean,
  ) {
    this.metronome = metronome;
    this.clock = new AudioClock(synth.audio);
    this.transport = new Transport(this.clock.now() + START_DELAY, tempo);
    this.hear(first);
  }

  /** Where the player is: the position of what is heard now, or was `ago` seconds ago. */
  position(ago = 0): number {
    return this.transport.positionAt(this.clock.now() - this.allowance - ago);
  }

  setTempo(tempo: number): void {
    this.transport.setTempo(tempo, this.clock.now());
  }

  press(pitch: number, ago: number): void {
    const position = this.position(ago);
    this.melody.press(pitch, position);
    this.endPlayed(pitch, position);
    this.played.push({ pitch, from: position, to: null });
  }

  release(pitch: number, ago: number): void {
    const position = this.position(ago);
    this.melody.release(pitch, position);
    this.endPlayed(pitch, position);
  }

  private endPlayed(pitch: number, position: number): void {
    const note = this.played.findLast((n) => n.pitch === pitch && n.to === null);
    if (note) note.to = position;
  }

  /** Tell what has become final, and schedule the metronome. */
  tick(): void {
    const position = this.position();
    while (position >= this.melody.frame + 0.5) {
      const state = this.melody.take();
      this.ledger.told(state);
      this.tell(state);
    }
    const now = this.clock.now();
    let at = this.transport.timeOf(this.nextClick);
    while (at < now + CLICK_AHEAD) {
      const countIn = this.nextClick < 0;
      const downbeat = (this.nextClick / FRAMES_PER_BEAT) % BEATS_PER_BAR === 0;
      if ((countIn || this.metronome) && at >= now) this.synth.click(at, downbeat);
      this.nextClick += FRAMES_PER_BEAT;
      at = this.transport.timeOf(this.nextClick);
    }
  }

  /** A frame's chord has been decided. */
  hear(chord: ChordMessage): void {
    const now = this.clock.now();
    const start = this.transport.timeOf(chord.frame);
    this.ledger.decided(chord, start, now);
    const before = this.chords[this.chords.length - 1];
    this.adapt(start - now, this.transport.timeOf(chord.frame + 1) - start);
    const at = start > now ? start : now + LATE_AHEAD;
    if (chord.onset) this.synth.strike(chord.notes, at);
    else if (chord.name === null && before?.name) this.synth.rest(at);
    if (chord.onset || chord.name !== (before?.name ?? null)) this.chords.push(chord);
  }
  /** @param ahead seconds by which a chord came before its frame, `frame` seconds long */
  private adapt(ahead: number, frame: number): void {
    const spare = ahead - RESERVE * frame;
    const latency = this.synth.audio.outputLatency || 0;
    if (spare < 0) this.allowance = Math.max(0, this.allowance + spare);
    else this.allowance = Math.min(latency, this.allowance + ALLOWANCE_STEP);
  }
}
