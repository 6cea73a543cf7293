/** The piano's recordings: fetched and decoded once, every third semitone of a real one. */
const LOWEST = 33;
const HIGHEST = 96;
const STEP = 3;
export class PianoSamples {
    samples = new Map();
    /** Resolves when all can be played; what has come can be played before. */
    async load(audio) {
        const pitches = [];
        for (let pitch = LOWEST; pitch <= HIGHEST; pitch += STEP)
            pitches.push(pitch);
        pitches.sort((a, b) => Math.abs(a - 60) - Math.abs(b - 60)); // the middle is wanted first
        const files = pitches.map((pitch) => fetch(new URL(`./piano/${pitch}.mp3`, import.meta.url)));
        for (const [i, pitch] of pitches.entries()) {
            const file = await files[i];
            if (!file.ok)
                throw new Error(`no recording of pitch ${pitch}: HTTP ${file.status}`);
            const buffer = await audio.decodeAudioData(await file.arrayBuffer());
            this.samples.set(pitch, { buffer, pitch, attack: attack(buffer) });
        }
    }
    /** The nearest recording, unless none is near enough to sound like this pitch. */
    nearest(pitch) {
        const recorded = LOWEST + STEP * Math.round((pitch - LOWEST) / STEP);
        return this.samples.get(Math.min(HIGHEST, Math.max(LOWEST, recorded))) ?? null;
    }
}
function attack(buffer) {
    const samples = buffer.getChannelData(0).subarray(0, buffer.sampleRate / 4);
    let peak = 0;
    for (const sample of samples)
        peak = Math.max(peak, Math.abs(sample));
    const first = samples.findIndex((sample) => Math.abs(sample) > 0.02 * peak);
    return Math.max(0, first / buffer.sampleRate - 0.001);
}
