/**
 * The instruments: a sampled piano; an electric piano, an organ, strings, a lead and a bass from
 * oscillators. Each makes one note, a `Voice`, at a time of the audio clock.
 *
 * Knows MIDI pitches and seconds; nothing of chords.
 */
import { PianoSamples } from "./piano_samples.js";
export const SOUNDS = ["piano", "electric piano", "organ", "strings", "lead"];
/**
 * How loud the sounds are made, so that none is louder than another, and the melody 3 dB above the
 * chords where their faders are at first. Two each: sounds that are held gain more from being many.
 */
export const LEVELS = {
    chords: { piano: 0.92, "electric piano": 0.66, organ: 1.12, strings: 0.76, lead: 0.71 },
    melody: { piano: 1.25, "electric piano": 1, organ: 3.4, strings: 1.78, lead: 1.34 },
};
function frequency(pitch) {
    return 440 * 2 ** ((pitch - 69) / 12);
}
/** Low notes left, high notes right, as at a keyboard. */
function pan(pitch) {
    return Math.max(-0.4, Math.min(0.4, (pitch - 60) / 48));
}
export class Instruments {
    audio;
    samples = new PianoSamples();
    drawbars;
    bow;
    constructor(audio) {
        this.audio = audio;
        // Drawbars at the octaves and the twelfth; the strings' harmonics fall off as a bow's do.
        const organ = [0, 0.8, 0.7, 0.35, 0.3, 0, 0.12, 0, 0.1];
        const bowed = Array.from({ length: 14 }, (_, n) => (n ? 1 / n ** 1.5 : 0));
        const wave = (imag) => new PeriodicWave(audio, { real: imag.map(() => 0), imag });
        this.drawbars = wave(organ);
        this.bow = wave(bowed);
    }
    /** Fetch what is recorded; until it is there, the electric piano plays instead. */
    load() {
        return this.samples.load(this.audio);
    }
    /** @param velocity 0 to 1 */
    play(sound, to, pitch, velocity, at) {
        const out = new StereoPannerNode(this.audio, { pan: pan(pitch) });
        out.connect(to);
        switch (sound) {
            case "piano":
                return this.piano(out, pitch, velocity, at);
            case "electric piano":
                return this.electricPiano(out, pitch, velocity, at);
            case "organ":
                return this.organ(out, pitch, velocity, at);
            case "strings":
                return this.strings(out, pitch, velocity, at);
            case "lead":
                return this.lead(out, pitch, velocity, at);
        }
    }
    /** The bass note of a chord: the piano has its own, the others get one from below. */
    playBass(sound, to, pitch, velocity, at) {
        if (sound === "piano")
            return this.play(sound, to, pitch, velocity, at);
        return this.bass(to, pitch, velocity, at);
    }
    piano(out, pitch, velocity, at) {
        const sample = this.samples.nearest(pitch);
        if (!sample)
            return this.electricPiano(out, pitch, velocity, at);
        const { audio } = this;
        const source = new AudioBufferSourceNode(audio, {
            buffer: sample.buffer,
            playbackRate: 2 ** ((pitch - sample.pitch) / 12),
        });
        // One recording serves all velocities: softer is also darker.
        const tone = new BiquadFilterNode(audio, {
            type: "lowpass",
            frequency: Math.min(16_000, frequency(pitch) * 4 + 600 + 11_000 * velocity ** 2),
            Q: 0.3,
        });
        const level = new GainNode(audio, { gain: 1.15 * velocity ** 1.4 });
        source.connect(tone).connect(level);
        return this.voice(at, [source], level, out, 0.09, sample.attack);
    }
    /**
     * Two-operator FM with a tine: the modulator at the note's own frequency gives the bark, which
     * dies away faster than the tone; a faint one far above it gives the strike of the hammer.
     */
    electricPiano(to, pitch, velocity, at) {
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
        const sum = new GainNode(audio);
        level.connect(sum);
        tineLevel.connect(sum);
        return this.voice(at, [body, double, bark, tine], sum, to, 0.09);
    }
    /** Drawbars and a slow rotor. */
    organ(to, pitch, velocity, at) {
        const { audio } = this;
        const pipes = new OscillatorNode(audio, { frequency: frequency(pitch) });
        pipes.setPeriodicWave(this.drawbars);
        const rotor = new OscillatorNode(audio, { frequency: 6.1 });
        const wobble = new GainNode(audio, { gain: 5 });
        rotor.connect(wobble).connect(pipes.detune);
        const level = this.decay(at, 0.1 * velocity, 0.085 * velocity, 0.2, 0.008);
        pipes.connect(level);
        return this.voice(at, [pipes, rotor], level, to, 0.03);
    }
    /** Three desks, not quite in tune with each other, that swell. */
    strings(to, pitch, velocity, at) {
        const { audio } = this;
        const f = frequency(pitch);
        const level = new GainNode(audio, { gain: 0 });
        level.gain.setValueAtTime(0, at);
        level.gain.setTargetAtTime(0.085 * velocity, at, 0.09);
        const soften = new BiquadFilterNode(audio, { type: "lowpass", frequency: 2600, Q: 0.2 });
        const desks = [-8, 1, 9].map((detune) => {
            const desk = new OscillatorNode(audio, { frequency: f, detune });
            desk.setPeriodicWave(this.bow);
            desk.connect(soften);
            return desk;
        });
        soften.connect(level);
        return this.voice(at, desks, level, to, 0.16);
    }
    /** Clear, with an edge that mellows, and a vibrato that comes in when a note is held. */
    lead(to, pitch, velocity, at) {
        const { audio } = this;
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
        const level = this.decay(at, 0.26 * velocity, 0.17 * velocity, 0.25, 0.006);
        body.connect(filter);
        edge.connect(edgeLevel).connect(filter);
        filter.connect(level);
        return this.voice(at, [body, edge, vibrato], level, to, 0.06);
    }
    bass(to, pitch, velocity, at) {
        const { audio } = this;
        const f = frequency(pitch);
        const body = new OscillatorNode(audio, { type: "sine", frequency: f });
        const edge = new OscillatorNode(audio, { type: "triangle", frequency: f, detune: 3 });
        const edgeLevel = new GainNode(audio, { gain: 0.5 });
        const soften = new BiquadFilterNode(audio, { type: "lowpass", frequency: 600, Q: 0.3 });
        const level = this.decay(at, 0.16 * velocity, 0.03 * velocity, 1.4, 0.012);
        body.connect(soften);
        edge.connect(edgeLevel).connect(soften);
        soften.connect(level);
        return this.voice(at, [body, edge], level, to, 0.07);
    }
    /** A gain that is struck at `at` and falls from `peak` to `rest` with a time constant. */
    decay(at, peak, rest, constant, attack = 0.003) {
        const node = new GainNode(this.audio, { gain: 0 });
        node.gain.setValueAtTime(0, at);
        node.gain.linearRampToValueAtTime(peak, at + attack);
        node.gain.setTargetAtTime(rest, at + attack, constant);
        return node;
    }
    /**
     * Starts the sources. Letting go works on a gate of its own, behind the envelope, so that it is a
     * smooth curve wherever the envelope happens to be: no clicks.
     */
    voice(start, sources, last, to, fade, offset = 0) {
        const gate = new GainNode(this.audio);
        last.connect(gate).connect(to);
        for (const source of sources) {
            if (source instanceof AudioBufferSourceNode)
                source.start(start, offset);
            else
                source.start(start);
        }
        const voice = {
            start,
            release: (at) => {
                gate.gain.setTargetAtTime(0, Math.max(at, start), fade);
                for (const source of sources)
                    source.stop(Math.max(at, start) + 8 * fade);
            },
            cancel: () => {
                gate.disconnect();
                for (const source of sources)
                    source.stop();
            },
        };
        sources[0].onended = () => {
            gate.disconnect();
            voice.onEnded?.();
        };
        return voice;
    }
}
