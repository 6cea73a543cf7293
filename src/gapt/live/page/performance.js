/**
 * What a take is, played or replayed: notes and chords in positions, sixteenth-note frames from the
 * first downbeat on. What the stage shows, what is kept, and what is exported.
 */
import { FRAMES_PER_BEAT } from "./clock.js";
/** The tempos from the first downbeat on: what it was during the count-in counts from there. */
export function tempoMap({ tempos }) {
    const first = tempos.findLastIndex(({ frame }) => frame <= 0);
    const [begin, ...changes] = tempos.slice(Math.max(0, first));
    return [{ ...begin, frame: 0 }, ...changes];
}
export function wholeNotes({ notes }) {
    return notes.filter((note) => note.to !== null);
}
/**
 * How many frames before the first downbeat the music begins: a bar if a pickup was played into the
 * count-in, and not just the first note a little early.
 */
export function leadIn(recording) {
    const pickup = wholeNotes(recording).some(({ from, to }) => from < -0.5 || to <= 0);
    return pickup ? framesPerBar(recording.beatsPerBar) : 0;
}
/** Which of the chords sounds at a position, -1 if none has yet. */
export function chordIndexAt(chords, position) {
    let [before, after] = [-1, chords.length];
    while (after - before > 1) {
        const middle = (before + after) >> 1;
        if (chords[middle].frame <= position)
            before = middle;
        else
            after = middle;
    }
    return before;
}
export function framesPerBar(beatsPerBar) {
    return FRAMES_PER_BEAT * beatsPerBar;
}
export function summary(recording) {
    const { began, frames, chords } = recording;
    const tempos = tempoMap(recording).filter(({ frame }) => frame <= frames);
    const bpms = tempos.map(({ bpm }) => bpm);
    const slowest = Math.min(...bpms);
    const fastest = Math.max(...bpms);
    const names = chords.flatMap(({ name }) => name ?? []);
    return {
        began,
        seconds: Math.round(duration(recording)),
        bpm: slowest < fastest ? `${slowest}–${fastest}` : slowest,
        chords: names.slice(0, 4),
    };
}
/** Seconds that a recording lasts. */
function duration(recording) {
    const { frames } = recording;
    return tempoMap(recording).reduce((seconds, { frame, bpm }, i, tempos) => {
        const end = Math.min(frames, tempos[i + 1]?.frame ?? frames);
        return seconds + (Math.max(0, end - frame) * 60) / bpm / FRAMES_PER_BEAT;
    }, 0);
}
