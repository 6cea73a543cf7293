/**
 * One take, from the count-in to the stop: the timing of the duet.
 *
 * Time runs in sixteenth-note frames. A press at position p belongs to frame round(p), so nothing
 * after t + 0.5 can change frame t: at that moment its melody is told to the server, the chord of
 * frame t + 1 becomes final a few milliseconds later, and half a frame (62 ms at 120 BPM) less that
 * is left to schedule it, on the audio clock, exactly at t + 1. What is final is never imagined,
 * and no chord is late.
 *
 * Should a decision be late all the same (a stalled machine, a slow network), the chord that sounds
 * is held until it comes, and it is counted; nothing is scheduled in the past. Should the server be
 * gone, the take plays on from the plan as far as that reaches, and when the session is back, it
 * hears what was played and what sounded meanwhile.
 *
 * The player's own notes sound at once, where they were played; only what the accompanist hears is
 * quantised. Knows no page.
 */

import { Accompaniment } from "./accompaniment.js";
import { AHEAD, AudioClock, FRAMES_PER_BEAT, Transport } from "./clock.js";
import type { Style } from "./comping.js";
import { Ledger, type FrameRecord } from "./ledger.js";
import { Melody } from "./melody.js";
import {
  framesPerBar,
  type Cue,
  type Performance,
  type PlayedNote,
  type Recording,
  type ShownChord,
} from "./performance.js";
import { Plan } from "./plan.js";
import {
  MAX_STATES,
  type Chord,
  type MelodyMessage,
  type PlanMessage,
  type ReadyMessage,
  type SettingsMessage,
  type State,
} from "./protocol.js";
import type { Synth } from "./synth.js";

export interface Line {
  readonly open: boolean;
  send(message: MelodyMessage): void;
}

export interface TakeSettings {
  bpm: number;
  beatsPerBar: number;
  listen: number;
  metronome: boolean;
  style: Style;
}

const START_DELAY = 0.15;
/** What is late already is struck this much ahead of now, for the audio thread to take it in. */
const LATE_AHEAD = 0.01;
/** Frames that a note lasts at least, should the clock be set right while it sounds. */
const SHORTEST = 0.01;
/** Frames by which a chord should come ahead of its own, whatever else may be done with the time. */
const RESERVE = 0.25;
/** How much of a change of the latency counts at a tick: browsers report it anew all the time. */
const STEADY = 0.05;
/** Seconds a frame by which `Take.appliedOffset` grows. */
const OFFSET_STEP = 0.0002;
/** A server that has not answered so many frames is taken for gone. */
const UNANSWERED = 4;
/** Frames that can be told again: more than the server waits for, at any tempo. */
const REMEMBERED = 2048;

export class Take implements Performance {
  readonly began = new Date().toISOString();
  readonly transport: Transport;
  readonly ledger = new Ledger();
  readonly chords: ShownChord[] = [];
  readonly played: PlayedNote[] = [];
  readonly cues: Cue[] = [];
  readonly beatsPerBar: number;
  readonly listen: number;
  metronome: boolean;
  readonly accompaniment: Accompaniment;
  private readonly plan = new Plan();
  private readonly melody = new Melody();
  private readonly clock: AudioClock;
  /** The newest frames, as told. */
  private readonly told: State[] = [];
  /** The frame that sounds next. */
  private next = 0;
  /** Seconds that the player is behind the audio clock: `latency`, without its tremor. */
  delay: number;
  /**
   * Players press in time with what they hear, which is `delay` behind the audio clock. If the
   * accompanist takes positions that much earlier, frames are told that much later and the answers
   * have less time. So it does as far as they leave some, and as can be told at the start; it
   * shrinks at once when a chord does not come well ahead, and grows slowly while they do.
   */
  appliedOffset = 0;
  /** How much of it can be told at the start. */
  private readonly affordable: number;
  private nextClick: number;

  /** @param latency seconds from the audio clock to the player's hands */
  constructor(
    private readonly synth: Synth,
    private readonly line: Line,
    ready: ReadyMessage,
    settings: TakeSettings,
    private readonly latency: () => number,
  ) {
    this.delay = latency();
    this.beatsPerBar = settings.beatsPerBar;
    this.listen = settings.listen;
    this.metronome = settings.metronome;
    this.clock = new AudioClock(synth.audio);
    this.nextClick = -framesPerBar(this.beatsPerBar);
    const start = this.clock.now() + START_DELAY;
    this.transport = new Transport(start, this.nextClick, settings.bpm);
    this.accompaniment = new Accompaniment(synth, this.transport, this.beatsPerBar, settings.style);
    this.plan.update(ready.plan, this.clock.now());
    this.cues.push({ frame: 0, model: ready.settings.model });
    // What a decision leaves if it takes no time, since its melody is told half a frame late.
    const frame = 60 / settings.bpm / FRAMES_PER_BEAT;
    this.affordable = Math.max(0, (ready.settings.commit - 0.5 - RESERVE) * frame);
    this.appliedOffset = Math.min(this.delay, this.affordable);
  }

  get committed(): number {
    return this.plan.committed;
  }

  /** Whether the server is gone, and what sounds is from the plan as it was. */
  get alone(): boolean {
    return !this.line.open || this.melody.frame - 1 - this.plan.heard > UNANSWERED;
  }

  /** Where the player is: the position of what is heard now, or was `ago` seconds ago. */
  position(ago = 0): number {
    return this.transport.positionAt(this.clock.now() - this.delay - ago);
  }

  /** Where the accompanist takes the player to be. */
  private assumed(ago = 0): number {
    return this.transport.positionAt(this.clock.now() - this.appliedOffset - ago);
  }

  coming(frame: number): Chord[] {
    return this.plan.from(frame);
  }

  /** Counts from the next frame on that is not scheduled yet. */
  setTempo(bpm: number): void {
    const frame = Math.ceil(this.transport.positionAt(this.clock.now() + AHEAD)) + 1;
    this.transport.setTempo(bpm, frame);
  }

  press(pitch: number, velocity: number, ago: number): void {
    this.melody.press(pitch, this.assumed(ago));
    const from = this.position(ago);
    this.endPlayed(pitch, from);
    this.played.push({ pitch, velocity, from, to: null });
  }

  release(pitch: number, ago: number): void {
    this.melody.release(pitch, this.assumed(ago));
    this.endPlayed(pitch, this.position(ago));
  }

  private endPlayed(pitch: number, position: number): void {
    const note = this.played.findLast((n) => n.pitch === pitch && n.to === null);
    if (note) note.to = Math.max(position, note.from + SHORTEST);
  }

  /** The server has decided, or imagined, more. */
  onPlan(message: PlanMessage): void {
    const now = this.clock.now();
    const { alone } = this; // then it answers late, but not because it takes long
    const before = this.plan.committed;
    this.plan.update(message, now);
    this.strikeLateChord(now);
    while (this.playNext(now));
    if (message.committed > before && !alone && !this.alone) {
      const start = this.transport.timeOf(before);
      this.adapt(start - now, this.transport.timeOf(before + 1) - start);
    }
  }

  onSettings({ frame, model }: SettingsMessage): void {
    if (this.cues[this.cues.length - 1]?.model !== model) this.cues.push({ frame, model });
  }

  /** The session is back, at `ready.frame`: tell it what it has missed. */
  resume(ready: ReadyMessage): void {
    this.plan.update(ready.plan, this.clock.now());
    const missed = this.told.slice(this.told.length - (this.melody.frame - ready.frame));
    for (let i = 0; i < missed.length; i += MAX_STATES) {
      const states = missed.slice(i, i + MAX_STATES);
      this.line.send({ type: "melody", frame: ready.frame + i, states });
    }
  }

  /** Plays what is due, tells what has become final; returns the seconds until more of it is. */
  tick(): number {
    const now = this.clock.now();
    this.delay += STEADY * (this.latency() - this.delay);
    // Some browsers report it only once sound has come out.
    if (this.melody.frame === 0) this.appliedOffset = Math.min(this.delay, this.affordable);
    while (this.playNext(now));
    const position = this.assumed();
    while (position >= this.melody.frame + 0.5) this.tell();
    this.click(now);
    const told = this.transport.timeOf(this.melody.frame + 0.5) + this.appliedOffset;
    return Math.min(told, this.transport.timeOf(this.next) - this.ahead) - now;
  }

  /** Seconds ahead of its time at which the next chord is played; what has not come may still come. */
  private get ahead(): number {
    if (this.plan.final(this.next)) return AHEAD;
    return this.alone ? LATE_AHEAD : 0;
  }

  /** Returns whether there was a chord to play, or to hold. */
  private playNext(now: number): boolean {
    const start = this.transport.timeOf(this.next);
    if (start > now + this.ahead) return false;
    const chord = this.plan.final(this.next);
    const decision = this.plan.decision(this.next);
    if (chord && decision) {
      this.play(this.next, chord, start, decision.at, now);
    } else {
      const { alone } = this;
      if (alone) this.ledger.alone++;
      this.play(this.next, (alone && this.plan.at(this.next)) || null, start, null, now);
    }
    this.next++;
    return true;
  }

  /** @param chord null holds the one that sounds */
  private play(
    frame: number,
    chord: Chord | null,
    start: number,
    decided: number | null,
    now: number,
  ): void {
    const { last } = this.ledger;
    const { name, notes } = chord ?? last ?? { name: null, notes: [] };
    const onset = name !== null && (chord?.onset === true || name !== (last?.name ?? null));
    const heard = this.plan.decision(frame)?.heard ?? this.plan.heard;
    const late = decided === null ? !this.alone : decided > start;
    this.ledger.add({ frame, start, decided, late, heard, onset, name, notes, melody: null });
    this.sound(this.ledger.last!, Math.max(start, now + LATE_AHEAD));
  }

  private sound({ frame, name, notes, onset }: FrameRecord, at: number): void {
    this.accompaniment.play(frame, notes, onset, at);
    const before = this.chords[this.chords.length - 1];
    if (!onset && name === (before?.name ?? null)) return;
    this.chords.push({ frame, name, notes });
  }

  /** A chord that was late is struck as soon as it comes, while its frame is not yet told. */
  private strikeLateChord(now: number): void {
    const { last } = this.ledger;
    const chord = last && this.plan.final(last.frame);
    // What was played from the plan without the server stays as it was: the server is told of it.
    if (!chord || !last.late || last.decided !== null || last.frame < this.melody.frame) return;
    const { name, notes } = chord;
    const before = this.ledger.at(last.frame - 1)?.name ?? null;
    const changes = chord.onset || name !== last.name;
    const onset = name !== null && (chord.onset || name !== before);
    const mended = { ...last, decided: now, heard: this.plan.heard, name, notes, onset };
    this.ledger.replaceLast(mended);
    if (changes) this.sound(mended, now + LATE_AHEAD);
  }

  private tell(): void {
    const { frame } = this.melody;
    const state = this.melody.nextState();
    const record = this.ledger.at(frame);
    if (record) {
      record.melody = state;
      const planned = this.plan.final(frame);
      if (record.name !== (planned?.name ?? null) || record.onset !== planned?.onset) {
        state.chord = { name: record.name, onset: record.onset };
      }
    }
    this.told.push(state);
    if (this.told.length > REMEMBERED) this.told.shift();
    this.line.send({ type: "melody", frame, states: [state] });
  }

  private click(now: number): void {
    let at = this.transport.timeOf(this.nextClick);
    while (at < now + AHEAD) {
      const downbeat = this.nextClick % framesPerBar(this.beatsPerBar) === 0;
      if ((this.nextClick < 0 || this.metronome) && at >= now) this.synth.click(at, downbeat);
      this.nextClick += FRAMES_PER_BEAT;
      at = this.transport.timeOf(this.nextClick);
    }
  }

  /** @param ahead seconds by which a chord came before its frame, `frame` seconds long */
  private adapt(ahead: number, frame: number): void {
    const spare = ahead - RESERVE * frame;
    if (spare < 0) this.appliedOffset = Math.max(0, this.appliedOffset + spare);
    else this.appliedOffset = Math.min(this.delay, this.appliedOffset + OFFSET_STEP);
  }

  /** The take so far, as it is kept. */
  recording(): Recording {
    const end = Math.max(0, this.position());
    return {
      format: "gapt take",
      version: 1,
      began: this.began,
      framesPerBeat: FRAMES_PER_BEAT,
      beatsPerBar: this.beatsPerBar,
      frames: Math.ceil(end),
      tempos: this.transport.tempos,
      cues: [...this.cues],
      notes: this.played.map((note) => ({ ...note, to: note.to ?? end })),
      chords: this.chords.filter(({ frame }) => frame <= end),
    };
  }
}
