/**
 * A take as a standard MIDI file (format 1): tempo, metre and a marker at each chord; the melody as
 * it was played; the chords as they were voiced. Pure.
 */
import { FRAMES_PER_BEAT } from "./clock.js";
import { leadIn, tempoMap, wholeNotes } from "./performance.js";
const TICKS_PER_BEAT = 480;
const TICKS_PER_FRAME = TICKS_PER_BEAT / FRAMES_PER_BEAT;
const CHORD_VELOCITY = 70;
export function midiFile(take) {
    const lead = leadIn(take);
    const ticks = (position) => Math.max(0, Math.round((position + lead) * TICKS_PER_FRAME));
    const tracks = [conductor(take, ticks), melody(take, ticks), chords(take, ticks)];
    const header = [...text("MThd"), ...uint(6, 4), ...uint(1, 2), ...uint(tracks.length, 2)];
    return Uint8Array.from([...header, ...uint(TICKS_PER_BEAT, 2), ...tracks.flat()]);
}
function conductor(take, ticks) {
    const { beatsPerBar, chords, cues } = take;
    const events = [meta(0, 0x58, [beatsPerBar, 2, 24, 8])];
    for (const { frame, bpm } of tempoMap(take)) {
        events.push(meta(frame === 0 ? 0 : ticks(frame), 0x51, uint(Math.round(60_000_000 / bpm), 3)));
    }
    for (const { frame, name } of chords) {
        events.push(meta(ticks(frame), 0x06, utf8(name ?? "N.C.")));
    }
    for (const { frame, model } of cues)
        events.push(meta(ticks(frame), 0x01, utf8(model)));
    return track("gapt", events);
}
function melody(take, ticks) {
    const events = wholeNotes(take).flatMap(({ pitch, velocity, from, to }) => note(0, pitch, Math.round(127 * velocity), ticks(from), ticks(to)));
    return track("Melody", events);
}
function chords({ chords, frames }, ticks) {
    const events = chords.flatMap(({ frame, notes }, i) => {
        const end = ticks(chords[i + 1]?.frame ?? frames);
        return notes.flatMap((pitch) => note(1, pitch, CHORD_VELOCITY, ticks(frame), end));
    });
    return track("Chords", events);
}
function note(channel, pitch, velocity, on, off) {
    const end = Math.max(off, on + 1);
    return [
        { tick: on, order: 1, bytes: [0x90 | channel, pitch, Math.max(1, velocity)] },
        { tick: end, order: 0, bytes: [0x80 | channel, pitch, 0] },
    ];
}
function meta(tick, type, data) {
    return { tick, order: 0, bytes: [0xff, type, ...varint(data.length), ...data] };
}
function track(name, events) {
    events.sort((a, b) => a.tick - b.tick || a.order - b.order);
    const bytes = [0, ...meta(0, 0x03, utf8(name)).bytes];
    let now = 0;
    for (const event of events) {
        bytes.push(...varint(event.tick - now), ...event.bytes);
        now = event.tick;
    }
    bytes.push(0, 0xff, 0x2f, 0);
    return [...text("MTrk"), ...uint(bytes.length, 4), ...bytes];
}
function varint(value) {
    const bytes = [value & 0x7f];
    while ((value >>= 7))
        bytes.unshift((value & 0x7f) | 0x80);
    return bytes;
}
function uint(value, bytes) {
    return Array.from({ length: bytes }, (_, i) => (value >>> (8 * (bytes - 1 - i))) & 0xff);
}
function text(ascii) {
    return [...ascii].map((letter) => letter.charCodeAt(0));
}
function utf8(words) {
    return [...new TextEncoder().encode(words)];
}
