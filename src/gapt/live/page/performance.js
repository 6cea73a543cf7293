/**
 * What a take is, played or replayed: notes and chords in positions, sixteenth-note frames from the
 * first downbeat on. What the stage shows, what is kept, and what is exported.
 */
import { FRAMES_PER_BEAT } from "./clock.js";
export function framesPerBar(beatsPerBar) {
    return FRAMES_PER_BEAT * beatsPerBar;
}
export function summary(recording) {
    const { began, tempos, chords } = recording;
    const names = chords.flatMap(({ name }) => name ?? []);
    return {
        began,
        seconds: Math.round(duration(recording)),
        bpm: tempos[tempos.length - 1].bpm,
        chords: names.slice(0, 4),
    };
}
/** Seconds that a recording lasts. */
function duration({ tempos, frames }) {
    return tempos.reduce((seconds, { frame, bpm }, i) => {
        const end = Math.min(frames, tempos[i + 1]?.frame ?? frames);
        return seconds + (Math.max(0, end - Math.max(0, frame)) * 60) / bpm / FRAMES_PER_BEAT;
    }, 0);
}
