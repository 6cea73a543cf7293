/**
 * What a take is, played or replayed: notes and chords in positions, sixteenth-note frames from the
 * first downbeat on. What the stage shows, what is kept, and what is exported.
 */

import { FRAMES_PER_BEAT, type Tempo } from "./clock.js";
import type { Chord } from "./protocol.js";

/** A chord as it sounded: from `frame` until the next one; a null name is silence. */
export interface ShownChord {
  frame: number;
  name: string | null;
  /** MIDI pitches, the bass first. */
  notes: readonly number[];
}

/** A note as it was really played, in positions. */
export interface PlayedNote {
  pitch: number;
  /** 0 to 1 */
  velocity: number;
  from: number;
  /** null while it sounds */
  to: number | null;
}

/** From `frame` on, `model` decided. */
export interface Cue {
  frame: number;
  model: string;
}

/** What the stage can show. */
export interface Performance {
  readonly beatsPerBar: number;
  readonly chords: readonly ShownChord[];
  readonly played: readonly PlayedNote[];
  readonly cues: readonly Cue[];
  /** The first chord comes at the first multiple of this many frames after the first note. */
  readonly listen: number;
  /** Of what is heard now; negative in the count-in. */
  position(): number;
  /** What is known of the chords from `frame` on. */
  coming(frame: number): readonly Chord[];
  /** Chords of frames before this one are final. */
  readonly committed: number;
}

/** A take as it is kept and exported. */
export interface Recording {
  format: "gapt take";
  version: 1;
  /** When it began, ISO 8601; also its key. */
  began: string;
  framesPerBeat: number;
  beatsPerBar: number;
  /** How many frames it lasted. */
  frames: number;
  tempos: Tempo[];
  cues: Cue[];
  notes: PlayedNote[];
  chords: ShownChord[];
}

/** The tempos from the first downbeat on: what it was during the count-in counts from there. */
export function tempoMap({ tempos }: Recording): Tempo[] {
  const first = tempos.findLastIndex(({ frame }) => frame <= 0);
  const [begin, ...changes] = tempos.slice(Math.max(0, first));
  return [{ ...begin!, frame: 0 }, ...changes];
}

/** A note that has ended. */
export interface WholeNote extends PlayedNote {
  to: number;
}

export function wholeNotes({ notes }: Recording): WholeNote[] {
  return notes.filter((note): note is WholeNote => note.to !== null);
}

/**
 * How many frames before the first downbeat the music begins: a bar if a pickup was played into the
 * count-in, and not just the first note a little early.
 */
export function leadIn(recording: Recording): number {
  const pickup = wholeNotes(recording).some(({ from, to }) => from < -0.5 || to <= 0);
  return pickup ? framesPerBar(recording.beatsPerBar) : 0;
}

/** Which of the chords sounds at a position, -1 if none has yet. */
export function chordIndexAt(chords: readonly ShownChord[], position: number): number {
  let [before, after] = [-1, chords.length];
  while (after - before > 1) {
    const middle = (before + after) >> 1;
    if (chords[middle]!.frame <= position) before = middle;
    else after = middle;
  }
  return before;
}

export function framesPerBar(beatsPerBar: number): number {
  return FRAMES_PER_BEAT * beatsPerBar;
}

/** What a list says of a take. */
export interface Summary {
  /** As the recording's. */
  began: string;
  seconds: number;
  /** The tempo, or from the slowest to the fastest; of older takes the last one. */
  bpm: string | number;
  /** The names of the first few. */
  chords: string[];
}

export function summary(recording: Recording): Summary {
  const { began, frames, chords } = recording;
  const tempos = tempoMap(recording).filter(({ frame }) => frame <= frames);
  const bpms = tempos.map(({ bpm }) => bpm);
  const slowest = Math.min(...bpms);
  const fastest = Math.max(...bpms);
  const names = chords.flatMap(({ name }) => name ?? []);
  return {
    began,
    seconds: Math.round(duration(recording)),
    bpm: slowest < fastest ? `${slowest}–${fastest}` : slowest,
    chords: names.slice(0, 4),
  };
}

/** Seconds that a recording lasts. */
function duration(recording: Recording): number {
  const { frames } = recording;
  return tempoMap(recording).reduce((seconds, { frame, bpm }, i, tempos) => {
    const end = Math.min(frames, tempos[i + 1]?.frame ?? frames);
    return seconds + (Math.max(0, end - frame) * 60) / bpm / FRAMES_PER_BEAT;
  }, 0);
}
