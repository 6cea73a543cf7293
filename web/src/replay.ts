/** A past take, played again: the melody as it was played, the chords in the style chosen now. */

import { Accompaniment } from "./accompaniment.js";
import { AHEAD, AudioClock, Transport } from "./clock.js";
import type { Style } from "./comping.js";
import {
  chordIndexAt,
  leadIn,
  tempoMap,
  type Cue,
  type Performance,
  type PlayedNote,
  type Recording,
  type ShownChord,
  type WholeNote,
  wholeNotes,
} from "./performance.js";
import type { Chord } from "./protocol.js";
import type { Synth } from "./synth.js";

const START_DELAY = 0.1;
const SHOWN_AHEAD = 16; // frames

export class Replay implements Performance {
  readonly beatsPerBar: number;
  readonly listen = 0;
  readonly committed = Infinity;
  readonly cues: readonly Cue[];
  readonly played: readonly PlayedNote[];
  readonly accompaniment: Accompaniment;
  private readonly transport: Transport;
  private readonly clock: AudioClock;
  private readonly begins: number;
  /** The melody's notes that have not been scheduled yet, the next one first. */
  private readonly notes: WholeNote[];
  /** The keys that go down and up, the next one first. */
  private readonly keys: { at: number; pitch: number; down: boolean }[];
  private next = 0;

  constructor(
    private readonly synth: Synth,
    readonly recording: Recording,
    style: Style,
    private readonly onKey: (pitch: number, down: boolean) => void,
  ) {
    this.beatsPerBar = recording.beatsPerBar;
    this.cues = recording.cues;
    this.played = recording.notes;
    this.clock = new AudioClock(synth.audio);
    const [begin, ...changes] = tempoMap(recording);
    this.begins = -leadIn(recording);
    this.transport = new Transport(this.clock.now() + START_DELAY, this.begins, begin!.bpm);
    for (const { frame, bpm } of changes) this.transport.setTempo(bpm, frame);
    this.accompaniment = new Accompaniment(synth, this.transport, this.beatsPerBar, style);
    this.notes = wholeNotes(recording).sort((a, b) => a.from - b.from);
    this.keys = this.notes
      .flatMap(({ pitch, from, to }) => [
        { at: from, pitch, down: true },
        { at: to, pitch, down: false },
      ])
      .sort((a, b) => a.at - b.at || Number(a.down) - Number(b.down));
  }

  get chords(): readonly ShownChord[] {
    return this.recording.chords;
  }

  get over(): boolean {
    return this.position() > this.recording.frames;
  }

  position(): number {
    return this.transport.positionAt(this.clock.now() - this.latency);
  }

  private get latency(): number {
    return this.synth.audio.outputLatency || 0;
  }

  coming(frame: number): Chord[] {
    const { chords, frames } = this.recording;
    const coming: Chord[] = [];
    let index = chordIndexAt(chords, frame);
    for (let f = frame; f < Math.min(frames, frame + SHOWN_AHEAD); f++) {
      while ((chords[index + 1]?.frame ?? Infinity) <= f) index++;
      const chord = chords[index];
      if (chord) coming.push({ ...chord, frame: f, onset: chord.frame === f });
    }
    return coming;
  }

  /** Plays what is due; returns the seconds until the next key moves. The rest has time. */
  tick(): number {
    const now = this.clock.now();
    for (; this.next < this.recording.frames; this.next++) {
      const at = this.transport.timeOf(this.next);
      if (at > now + AHEAD) break;
      const chord = this.chords[chordIndexAt(this.chords, this.next)];
      const onset = chord?.frame === this.next && chord.name !== null;
      this.accompaniment.play(this.next, chord?.notes ?? [], onset, Math.max(at, now));
    }
    while (this.notes[0] && this.transport.timeOf(this.notes[0].from) <= now + AHEAD) {
      const { pitch, velocity, from, to } = this.notes.shift()!;
      const at = Math.max(now, this.transport.timeOf(Math.max(this.begins, from)));
      const end = this.transport.timeOf(to);
      if (end > now) this.synth.playAgain(pitch, velocity, at, end);
    }
    const position = this.position();
    while (this.keys[0] && this.keys[0].at <= position) {
      const { pitch, down } = this.keys.shift()!;
      this.onKey(pitch, down);
    }
    const [key] = this.keys;
    return key ? this.transport.timeOf(key.at) + this.latency - now : Infinity;
  }
}
