/**
 * The mixer: the chords, the player and the click, each with its sound and its fader, in one room.
 *
 * Chords and clicks sound at given times of the audio clock, the player's notes at once.
 * Knows MIDI pitches and seconds; nothing of frames.
 */

import { Instruments, LEVELS, type Sound, type Voice } from "./instruments.js";

export type Part = "chords" | "melody" | "click";

export class Synth {
  readonly audio: AudioContext;
  /** Resolves when the recordings are there; rejects if they cannot be had. */
  readonly loaded: Promise<void>;
  readonly sounds: { chords: Sound; melody: Sound } = { chords: "piano", melody: "piano" };
  private readonly instruments: Instruments;
  private readonly buses: Readonly<Record<Part, GainNode>>;
  /** What goes into the room. */
  private readonly wet: GainNode;
  private readonly reverb: ConvolverNode;
  private dry = false;
  /** What was scheduled and still sounds: the chord's notes, and a replay's. */
  private readonly chord = new Set<Voice>();
  private readonly replayed = new Set<Voice>();
  /** What the player's keys hold. */
  private readonly keys = new Map<number, Voice>();

  constructor() {
    this.audio = new AudioContext({ latencyHint: "interactive" });
    // An iPhone on silent mutes pages, unless they play music.
    const { audioSession } = navigator as { audioSession?: { type: string } };
    if (audioSession) audioSession.type = "playback";
    this.instruments = new Instruments(this.audio);
    this.loaded = this.instruments.load();
    const master = this.masterBus();
    this.reverb = new ConvolverNode(this.audio, { buffer: this.room(1.9) });
    this.reverb.connect(new GainNode(this.audio, { gain: 0.5 })).connect(master);
    this.wet = new GainNode(this.audio);
    this.wet.connect(this.reverb);
    const bus = (send: number): GainNode => {
      const node = new GainNode(this.audio, { gain: 0 });
      node.connect(master);
      node.connect(new GainNode(this.audio, { gain: send })).connect(this.wet);
      return node;
    };
    this.buses = { chords: bus(0.3), melody: bus(0.34), click: bus(0.05) };
  }

  get awake(): boolean {
    return this.audio.state === "running";
  }

  /** Browsers let sound begin only once the user has done something. Resolves when time has begun. */
  async wake(): Promise<void> {
    if (!this.awake) await this.audio.resume();
    // A context may say that it runs while its device still starts, for a tenth of a second or so.
    const { currentTime } = this.audio;
    while (this.awake && this.audio.currentTime === currentTime) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Until it is woken nothing sounds, and the computer may go to sleep. */
  async sleep(): Promise<void> {
    if (this.awake) await this.audio.suspend();
  }

  /** @param volume 0 to 1, as a fader: squared, so that it feels even */
  setVolume(part: Part, volume: number): void {
    this.buses[part].gain.setTargetAtTime(volume * volume, this.audio.currentTime, 0.02);
  }

  /** Without the room, which takes half of the sound's time. What it has heard still dies away. */
  setDry(dry: boolean): void {
    if (dry === this.dry) return;
    this.dry = dry;
    if (dry) this.wet.disconnect();
    else this.wet.connect(this.reverb);
  }

  /** A note of the chord, until `until`, or as long as the chord if that is infinite. */
  strike(pitch: number, velocity: number, bass: boolean, at: number, until: number): void {
    const { instruments, sounds } = this;
    const to = this.levelled("chords");
    const voice = bass
      ? instruments.playBass(sounds.chords, to, pitch, velocity, at)
      : instruments.play(sounds.chords, to, pitch, velocity, at);
    if (Number.isFinite(until)) voice.release(until);
    keep(voice, this.chord);
  }

  /** Let go of the chord that sounds. */
  rest(at: number): void {
    for (const voice of this.chord) voice.release(at);
    this.chord.clear();
  }

  /** A note of the melody that was played another time. */
  playAgain(pitch: number, velocity: number, at: number, until: number): void {
    const voice = this.note(pitch, velocity, at);
    voice.release(until);
    keep(voice, this.replayed);
  }

  /** Silence now what was scheduled, also what has not begun. Keys are let go of by hand. */
  stop(): void {
    const now = this.audio.currentTime;
    for (const voice of [...this.chord, ...this.replayed]) {
      if (voice.start > now) voice.cancel();
      else voice.release(now);
    }
    this.chord.clear();
    this.replayed.clear();
  }

  /** The player's note, now. */
  press(pitch: number, velocity: number): void {
    this.release(pitch);
    this.keys.set(pitch, this.note(pitch, velocity, this.audio.currentTime));
  }

  release(pitch: number, at = this.audio.currentTime): void {
    this.keys.get(pitch)?.release(at);
    this.keys.delete(pitch);
  }

  private note(pitch: number, velocity: number, at: number): Voice {
    return this.instruments.play(this.sounds.melody, this.levelled("melody"), pitch, velocity, at);
  }

  /** The way of a note to its bus: one sound is as loud as another. */
  private levelled(part: "chords" | "melody"): AudioNode {
    const node = new GainNode(this.audio, { gain: LEVELS[part][this.sounds[part]] });
    node.connect(this.buses[part]);
    return node;
  }

  click(at: number, accent: boolean): void {
    const { audio } = this;
    const tone = new OscillatorNode(audio, { type: "sine", frequency: accent ? 1760 : 1175 });
    const level = new GainNode(audio, { gain: 0 });
    level.gain.setValueAtTime(0, at);
    level.gain.linearRampToValueAtTime(accent ? 0.7 : 0.4, at + 0.001);
    level.gain.exponentialRampToValueAtTime(0.0005, at + 0.06);
    tone.connect(level).connect(this.buses.click);
    tone.start(at);
    tone.stop(at + 0.08);
  }

  /** Everything passes a gentle saturation and a limiter, then goes out: never quite at full scale. */
  private masterBus(): AudioNode {
    const { audio } = this;
    const curve = new Float32Array(1025);
    for (let i = 0; i < curve.length; i++) curve[i] = Math.tanh(((i - 512) / 512) * 3) / 1.5;
    const drive = new WaveShaperNode(audio, { curve, oversample: "2x" });
    const limiter = new DynamicsCompressorNode(audio, {
      threshold: -8,
      knee: 8,
      ratio: 6,
      attack: 0.004,
      release: 0.2,
    });
    const master = new GainNode(audio, { gain: 0.475 }); // at 1 the curve ends
    master.connect(drive).connect(limiter).connect(audio.destination);
    return master;
  }

  /** A small room: noise that dies away, its treble sooner. */
  private room(seconds: number): AudioBuffer {
    const { audio } = this;
    const length = Math.floor(seconds * audio.sampleRate);
    const buffer = new AudioBuffer({ numberOfChannels: 2, length, sampleRate: audio.sampleRate });
    for (let channel = 0; channel < 2; channel++) {
      const samples = buffer.getChannelData(channel);
      let smooth = 0;
      for (let i = 0; i < length; i++) {
        const t = i / length;
        const openness = 0.55 * (1 - t) ** 2 + 0.04;
        smooth += openness * ((Math.random() * 2 - 1) * (1 - t) ** 3.2 - smooth);
        samples[i] = smooth * Math.min(1, i / (0.008 * audio.sampleRate));
      }
    }
    return buffer;
  }
}

/** Until it is silent. */
function keep(voice: Voice, voices: Set<Voice>): void {
  voice.onEnded = () => voices.delete(voice);
  voices.add(voice);
}
