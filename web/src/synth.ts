/**
 * The sound, made from oscillators: an electric piano for the chords, a soft bass under it, a lead
 * for the player, a click. No samples, nothing to download.
 *
 * Chords and clicks sound at given times of the audio clock, the player's notes at once.
 * Knows MIDI pitches and seconds; nothing of frames.
 */

/** A sounding note that can be let go of. */
interface Voice {
  readonly start: number;
  release(at: number): void;
  cancel(): void;
}

function frequency(pitch: number): number {
  return 440 * 2 ** ((pitch - 69) / 12);
}

export class Synth {
  readonly audio: AudioContext;
  private readonly chordBus: GainNode;
  private readonly leadBus: GainNode;
  private readonly clickBus: GainNode;
  private chord: Voice[] = [];
  private readonly lead = new Map<number, Voice>();

  constructor() {
    this.audio = new AudioContext({ latencyHint: "interactive" });
    const master = this.masterBus();
    const reverb = new ConvolverNode(this.audio, { buffer: this.room(1.9) });
    const wet = new GainNode(this.audio, { gain: 0.5 });
    reverb.connect(wet).connect(master);
    const bus = (gain: number, send: number): GainNode => {
      const node = new GainNode(this.audio, { gain });
      node.connect(master);
      if (send > 0) node.connect(new GainNode(this.audio, { gain: send })).connect(reverb);
      return node;
    };
    this.chordBus = bus(0.8, 0.32);
    this.leadBus = bus(0.8, 0.38);
    this.clickBus = bus(0.5, 0.05);
  }

  /** Browsers let sound begin only once the user has done something. */
  async wake(): Promise<void> {
    if (this.audio.state !== "running") await this.audio.resume();
  }

  /** @param volume 0 to 1, as a fader: squared, so that it feels even */
  setChordVolume(volume: number): void {
    this.chordBus.gain.setTargetAtTime(volume * volume, this.audio.currentTime, 0.02);
  }

  /** Let go of the chord that sounds and strike another, the bass first in `notes`. */
  strike(notes: readonly number[], at: number): void {
    this.rest(at);
    notes.forEach((pitch, i) => {
      if (i === 0) {
        this.chord.push(this.bass(pitch, at));
      } else {
        // Rolled a little, as a hand does; the top note brings out the line.
        const velocity = 0.56 + (i === notes.length - 1 ? 0.1 : 0);
        const pan = (i / Math.max(1, notes.length - 1) - 0.5) * 0.5;
        this.chord.push(this.electricPiano(pitch, at + 0.004 * (i - 1), velocity, pan));
      }
    });
  }

  /** Let go of the chord that sounds. */
  rest(at: number): void {
    for (const voice of this.chord) voice.release(at);
    this.chord = [];
  }

  /** Silence the chords now, those that are scheduled as well. */
  stop(): void {
    const now = this.audio.currentTime;
    for (const voice of this.chord) {
      if (voice.start > now) voice.cancel();
      else voice.release(now);
    }
    this.chord = [];
  }

  press(pitch: number, velocity: number): void {
    this.release(pitch);
    this.lead.set(pitch, this.leadVoice(pitch, velocity));
  }

  release(pitch: number): void {
    this.lead.get(pitch)?.release(this.audio.currentTime);
    this.lead.delete(pitch);
  }

  click(at: number, accent: boolean): void {
    const { audio } = this;
    const tone = new OscillatorNode(audio, { type: "sine", frequency: accent ? 1760 : 1175 });
    const level = new GainNode(audio, { gain: 0 });
    level.gain.setValueAtTime(0, at);
    level.gain.linearRampToValueAtTime(accent ? 0.4 : 0.22, at + 0.001);
    level.gain.exponentialRampToValueAtTime(0.0005, at + 0.06);
    tone.connect(level).connect(this.clickBus);
    tone.start(at);
    tone.stop(at + 0.08);
  }

  /**
   * Two-operator FM with a tine: the modulator at the note's own frequency gives the bark, which
   * dies away faster than the tone; a faint one far above it gives the strike of the hammer.
   */
  private electricPiano(pitch: number, at: number, velocity: number, pan: number): Voice {
    const { audio } = this;
    const f = frequency(pitch);
    const brightness = velocity * 2.3 * 2 ** ((60 - pitch) / 30);
    const body = new OscillatorNode(audio, { frequency: f, detune: -2.5 });
    const double = new OscillatorNode(audio, { frequency: f, detune: 3.5 });
    const bark = new OscillatorNode(audio, { frequency: f });
    const tine = new OscillatorNode(audio, { frequency: Math.min(f * 14, 12_000) });

    const barkDepth = this.decay(at, f * brightness, f * brightness * 0.25, 0.4);
    bark.connect(barkDepth);
    barkDepth.connect(body.frequency);
    barkDepth.connect(double.frequency);
    const tineLevel = this.decay(at, 0.04 * velocity, 0, 0.05);

    const level = this.decay(at, 0.21 * velocity, 0, 1.8);
    const soften = new BiquadFilterNode(audio, {
      type: "lowpass",
      frequency: 1800 + 3200 * velocity,
      Q: 0.4,
    });
    body.connect(soften);
    double.connect(soften);
    soften.connect(level);
    tine.connect(tineLevel);
    const out = new StereoPannerNode(audio, { pan });
    level.connect(out);
    tineLevel.connect(out);
    return this.voice(at, [body, double, bark, tine], out, this.chordBus, 0.09);
  }

  private bass(pitch: number, at: number): Voice {
    const { audio } = this;
    const f = frequency(pitch);
    const body = new OscillatorNode(audio, { type: "sine", frequency: f });
    const edge = new OscillatorNode(audio, { type: "triangle", frequency: f, detune: 3 });
    const edgeLevel = new GainNode(audio, { gain: 0.5 });
    const soften = new BiquadFilterNode(audio, { type: "lowpass", frequency: 600, Q: 0.3 });
    const level = this.decay(at, 0.11, 0.02, 1.4, 0.012);
    body.connect(soften);
    edge.connect(edgeLevel).connect(soften);
    soften.connect(level);
    return this.voice(at, [body, edge], level, this.chordBus, 0.07);
  }

  /** Clear, with an edge that mellows, and a vibrato that comes in when a note is held. */
  private leadVoice(pitch: number, velocity: number): Voice {
    const { audio } = this;
    const at = audio.currentTime;
    const f = frequency(pitch);
    const body = new OscillatorNode(audio, { type: "triangle", frequency: f, detune: -4 });
    const edge = new OscillatorNode(audio, { type: "sawtooth", frequency: f, detune: 4 });
    const edgeLevel = new GainNode(audio, { gain: 0.22 });
    const vibrato = new OscillatorNode(audio, { frequency: 5.2 });
    const depth = new GainNode(audio, { gain: 0 });
    depth.gain.setValueAtTime(0, at + 0.25);
    depth.gain.linearRampToValueAtTime(9, at + 0.9);
    vibrato.connect(depth);
    depth.connect(body.detune);
    depth.connect(edge.detune);
    const filter = new BiquadFilterNode(audio, { type: "lowpass", Q: 0.7 });
    const cutoff = Math.min(f * 3 + 1200, 9000);
    filter.frequency.setValueAtTime(cutoff * (1 + velocity), at);
    filter.frequency.setTargetAtTime(cutoff, at, 0.18);
    const level = new GainNode(audio, { gain: 0 });
    level.gain.setValueAtTime(0, at);
    level.gain.linearRampToValueAtTime(0.26 * velocity, at + 0.006);
    level.gain.setTargetAtTime(0.17 * velocity, at + 0.006, 0.25);
    body.connect(filter);
    edge.connect(edgeLevel).connect(filter);
    filter.connect(level);
    return this.voice(at, [body, edge, vibrato], level, this.leadBus, 0.06);
  }

  /** A gain that is struck at `at` and falls from `peak` to `rest` with a time constant. */
  private decay(at: number, peak: number, rest: number, constant: number, attack = 0.003): GainNode {
    const node = new GainNode(this.audio, { gain: 0 });
    node.gain.setValueAtTime(0, at);
    node.gain.linearRampToValueAtTime(peak, at + attack);
    node.gain.setTargetAtTime(rest, at + attack, constant);
    return node;
  }

  /**
   * Starts the oscillators. Letting go works on a gate of its own, behind the envelope, so that it
   * is a smooth curve wherever the envelope happens to be: no clicks.
   */
  private voice(
    start: number,
    sources: OscillatorNode[],
    last: AudioNode,
    bus: AudioNode,
    fade: number,
  ): Voice {
    const gate = new GainNode(this.audio);
    last.connect(gate).connect(bus);
    for (const source of sources) source.start(start);
    sources[0]!.onended = () => gate.disconnect();
    return {
      start,
      release: (at) => {
        gate.gain.setTargetAtTime(0, at, fade);
        for (const source of sources) source.stop(at + 8 * fade);
      },
      cancel: () => {
        gate.disconnect();
        for (const source of sources) source.stop();
      },
    };
  }

  /** Everything passes a gentle saturation and a limiter, then goes out. */
  private masterBus(): AudioNode {
    const { audio } = this;
    const curve = new Float32Array(1025);
    for (let i = 0; i < curve.length; i++) curve[i] = Math.tanh(((i - 512) / 512) * 1.5) / 1.5;
    const drive = new WaveShaperNode(audio, { curve, oversample: "2x" });
    const limiter = new DynamicsCompressorNode(audio, {
      threshold: -8,
      knee: 8,
      ratio: 6,
      attack: 0.004,
      release: 0.2,
    });
    const master = new GainNode(audio, { gain: 0.95 });
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
