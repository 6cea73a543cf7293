/**
 * What a take is, played or replayed: notes and chords in positions, sixteenth-note frames from the
 * first downbeat on. What the stage shows, what is kept, and what is exported.
 */
import { FRAMES_PER_BEAT } from "./clock.js";
export function framesPerBar(beatsPerBar) {
    return FRAMES_PER_BEAT * beatsPerBar;
}
/** Seconds that a recording lasts. */
export function duration({ tempos, frames }) {
    return tempos.reduce((seconds, { frame, bpm }, i) => {
        const end = Math.min(frames, tempos[i + 1]?.frame ?? frames);
        return seconds + (Math.max(0, end - Math.max(0, frame)) * 60) / bpm / FRAMES_PER_BEAT;
    }, 0);
}
