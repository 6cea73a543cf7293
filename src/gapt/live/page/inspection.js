/** For the curious, in the console: `gapt` tells what the current or last take did, frame by frame. */
import { Take } from "./take.js";
export function offerInspection(player, connection) {
    const take = () => (player.shown instanceof Take ? player.shown : null);
    const inspection = {
        get playing() {
            return player.playing !== null;
        },
        /** In frames; negative in the count-in. */
        get position() {
            return player.position();
        },
        /** Every frame, and how many were late. */
        get ledger() {
            return take()?.ledger ?? null;
        },
        /** What the last take would be kept as, now. */
        get recording() {
            return take()?.recording() ?? null;
        },
        /** The chords that are planned, and how many frames are final. */
        get plan() {
            const { shown } = player;
            const from = Math.max(0, Math.floor(player.position()));
            return shown && { committed: shown.committed, coming: shown.coming(from) };
        },
        /** Milliseconds to the server and back, and what its clock is ahead. */
        get link() {
            return { latency: connection.latency, clockOffset: connection.clockOffset };
        },
        /** Seconds from the audio clock to the hands, see `Take.appliedOffset`; and to the loudspeaker. */
        get delays() {
            const latency = take()?.delay ?? 0;
            const appliedOffset = take()?.appliedOffset ?? 0;
            return { latency, appliedOffset, output: player.sound.made?.audio.outputLatency ?? 0 };
        },
        /** Resolves when the piano can be played. */
        get loaded() {
            return player.sound.made?.loaded;
        },
    };
    Object.defineProperty(window, "gapt", { value: inspection });
}
