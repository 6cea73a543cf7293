/** A past take, played again: the melody as it was played, the chords in the style chosen now. */

import { Accompaniment } from "./accompaniment.js";
import { AudioClock, Transport } from "./clock.js";
import type { Style } from "./comping.js";
import type {
  Cue,
  Performance,
  PlayedNote,
  Recording,
  ShownChord,
} from "./performance.js";
import type { Chord } from "./protocol.js";
import type { Synth } from "./synth.js";

const START_DELAY = 0.1;
const AHEAD = 0.1;
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
  /** What begins and ends in the melody, in order. */
  private readonly keys: { at: number; note: PlayedNote; down: boolean }[];
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
    const first = recording.tempos.findLastIndex(({ frame }) => frame <= 0);
    const [begin, ...changes] = recording.tempos.slice(Math.max(0, first));
    this.transport = new Transport(this.clock.now() + START_DELAY, 0, begin?.bpm ?? 100);
    for (const { frame, bpm } of changes) this.transport.setTempo(bpm, frame);
    this.accompaniment = new Accompaniment(synth, this.transport, this.beatsPerBar, style);
    this.keys = recording.notes
      .flatMap((note) => [
        { at: Math.max(0, note.from), note, down: true },
        { at: note.to ?? recording.frames, note, down: false },
      ])
      .filter(({ note }) => (note.to ?? 0) > 0)
      .sort((a, b) => a.at - b.at || Number(a.down) - Number(b.down));
  }

  get chords(): readonly ShownChord[] {
    return this.recording.chords;
  }

  get over(): boolean {
    return this.position() > this.recording.frames;
  }

  position(): number {
    return this.transport.positionAt(this.clock.now() - (this.synth.audio.outputLatency || 0));
  }

  coming(frame: number): Chord[] {
    const { chords, frames } = this.recording;
    const coming: Chord[] = [];
    for (let f = frame; f < Math.min(frames, frame + SHOWN_AHEAD); f++) {
      const chord = chords.findLast((c) => c.frame <= f);
      if (chord) coming.push({ ...chord, frame: f, onset: chord.frame === f });
    }
    return coming;
  }

  tick(): void {
    const now = this.clock.now();
    for (; this.next < this.recording.frames; this.next++) {
      const at = this.transport.timeOf(this.next);
      if (at > now + AHEAD) break;
      const chord = this.chords.findLast(({ frame }) => frame <= this.next);
      const onset = chord?.frame === this.next && chord.name !== null;
      this.accompaniment.play(this.next, chord?.notes ?? [], onset, Math.max(at, now));
    }
    while (this.keys[0] && this.transport.timeOf(this.keys[0].at) <= now + AHEAD) {
      const { at, note, down } = this.keys.shift()!;
      const time = Math.max(now, this.transport.timeOf(at));
      if (down) this.synth.press(note.pitch, note.velocity, time);
      else this.synth.release(note.pitch, time);
      this.onKey(note.pitch, down);
    }
  }
}
