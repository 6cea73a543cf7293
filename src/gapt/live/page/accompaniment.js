/**
 * The accompanist's hands: plays the chord of each frame on the synth, in the style that is chosen.
 * The same for a take and for its replay.
 */
import { hits, renews } from "./comping.js";
import { framesPerBar } from "./performance.js";
export class Accompaniment {
    synth;
    transport;
    beatsPerBar;
    style;
    struck = 0;
    sounds = false;
    /** Whether what is to sound has yet to be struck. */
    anew = false;
    constructor(synth, transport, beatsPerBar, style) {
        this.synth = synth;
        this.transport = transport;
        this.beatsPerBar = beatsPerBar;
        this.style = style;
    }
    /** From the next frame on, also of the chord that is held. */
    setStyle(style) {
        this.style = style;
        this.anew = true;
    }
    /**
     * @param notes the chord of `frame`, none if it is silent
     * @param onset whether it is struck in `frame`
     * @param at audio time: the frame's start, or a little later
     */
    play(frame, notes, onset, at) {
        this.anew = notes.length > 0 && (onset || this.anew);
        // If the page stood still, what is past is not made up for, all at once.
        if (this.transport.timeOf(frame + 1) <= at)
            return;
        if (this.anew)
            this.struck = frame;
        const bar = framesPerBar(this.beatsPerBar);
        const period = this.transport.timeOf(frame + 1) - this.transport.timeOf(frame);
        const place = {
            age: frame - this.struck,
            frame: frame % bar,
            beatsPerBar: this.beatsPerBar,
            bar: bar * period,
        };
        const ends = notes.length === 0 || this.anew || renews(place);
        if (this.sounds && ends)
            this.synth.rest(at);
        this.anew = false;
        this.sounds = notes.length > 0;
        for (const hit of hits(this.style, notes, place)) {
            const start = at + hit.delay * period;
            this.synth.strike(hit.pitch, hit.velocity, hit.bass, start, start + hit.length * period);
        }
    }
}
