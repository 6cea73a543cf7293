/**
 * How late the player's notes arrive: as measured or set by the player, which is remembered, or else
 * the delay that the browser reports.
 */
import { forget, remember, remembered } from "./memory.js";
const NAME = "offset";
export class InputOffset {
    /** Null leaves it to the browser. */
    chosen;
    constructor() {
        const stored = remembered(NAME);
        this.chosen = stored === null || Number.isNaN(Number(stored)) ? null : Number(stored);
    }
    /** In milliseconds, if the player has chosen it. */
    get milliseconds() {
        return this.chosen;
    }
    /** @param milliseconds null leaves it to the browser again */
    set(milliseconds) {
        this.chosen = milliseconds;
        if (milliseconds === null)
            forget(NAME);
        else
            remember(NAME, String(milliseconds));
    }
    /** In seconds. */
    seconds(audio) {
        return this.chosen === null ? audio?.outputLatency || 0 : this.chosen / 1000;
    }
}
