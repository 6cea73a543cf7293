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
import { Ledger } from "./ledger.js";
import { Melody } from "./melody.js";
const START_DELAY = 0.15;
const CLICK_AHEAD = 0.1;
/** What is late already is struck this much ahead of now, for the audio thread to take it in. */
const LATE_AHEAD = 0.01;
/**
 * Players press in time with what they hear, which is the output latency behind the audio clock.
 * That much is made up for, but no more than this share of a frame: the answer needs the rest.
 */
const MAX_LATENCY = 0.15;
export class Take {
    synth;
    tell;
    transport;
    ledger = new Ledger();
    chords = [];
    played = [];
    metronome;
    melody = new Melody();
    clock;
    nextClick = -FRAMES_PER_BAR;
    constructor(synth, tell, first, tempo, metronome) {
        this.synth = synth;
        this.tell = tell;
        this.metronome = metronome;
        this.clock = new AudioClock(synth.audio);
        this.transport = new Transport(this.clock.now() + START_DELAY, tempo);
        this.hear(first);
    }
    /** Where the player is: the position of what is heard now, or was `ago` seconds ago. */
    position(ago = 0) {
        const time = this.clock.now() - ago;
        const latency = this.synth.audio.outputLatency || 0;
        const { transport } = this;
        return Math.max(transport.positionAt(time - latency), transport.positionAt(time) - MAX_LATENCY);
    }
    setTempo(tempo) {
        this.transport.setTempo(tempo, this.clock.now());
    }
    press(pitch, ago) {
        const position = this.position(ago);
        this.melody.press(pitch, position);
        this.played.push({ pitch, from: position, to: null });
    }
    release(pitch, ago) {
        const position = this.position(ago);
        this.melody.release(pitch, position);
        for (const note of this.played) {
            if (note.pitch === pitch && note.to === null)
                note.to = position;
        }
    }
    /** Tell what has become final, and schedule the metronome. */
    tick() {
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
            if ((countIn || this.metronome) && at >= now)
                this.synth.click(at, downbeat);
            this.nextClick += FRAMES_PER_BEAT;
            at = this.transport.timeOf(this.nextClick);
        }
    }
    /** A frame's chord has been decided. */
    hear(chord) {
        const now = this.clock.now();
        const start = this.transport.timeOf(chord.frame);
        this.ledger.decided(chord, start, now);
        const before = this.chords[this.chords.length - 1];
        const at = start > now ? start : now + LATE_AHEAD;
        if (chord.onset)
            this.synth.strike(chord.notes, at);
        else if (chord.name === null && before?.name)
            this.synth.rest(at);
        if (chord.onset || chord.name !== (before?.name ?? null))
            this.chords.push(chord);
    }
}
