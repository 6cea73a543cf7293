/**
 * What plays, and who: begins takes and replays and ends them, and hands the keys to the sound and to
 * the take. Knows no page.
 */
import { Replay } from "./replay.js";
import { Sound } from "./sound.js";
import { Take } from "./take.js";
/** What was played last rings for so long. */
const RINGING_MS = 1500;
export class Player {
    connection;
    latency;
    handlers;
    sound;
    take = null;
    replay = null;
    /** What plays, or played last: the roll still shows it. */
    shown = null;
    starting = false;
    /** Of starts and stops: a start goes through unless something else was asked for meanwhile. */
    asked = 0;
    stoppedAt = 0;
    hidden = false;
    /** How many keys hold a pitch: two fingers, a key of the computer's and one of the page's. */
    holders = new Map();
    replayed = new Set();
    constructor(connection, latency, handlers) {
        this.connection = connection;
        this.latency = latency;
        this.handlers = handlers;
        this.sound = new Sound(handlers.onSynth, handlers.onMuted);
    }
    get playing() {
        return this.take ?? this.replay;
    }
    /** Whether something plays or is about to. */
    get busy() {
        return this.playing !== null || this.starting;
    }
    /** In frames, of what is heard now; where it stopped, if it has. */
    position() {
        return this.playing?.position() ?? this.stoppedAt;
    }
    /**
     * Begins a take, if there is a session for it. Rejects if the browser lets no sound out.
     *
     * @param settings asked for when it begins
     */
    async start(wishes, settings) {
        this.starting = true;
        const asked = ++this.asked;
        try {
            // Asked for before anything is waited for: only then is it what the user has just done.
            const awake = this.sound.awake();
            awake.catch(() => undefined); // perhaps nobody waits for it any more
            const ready = await this.connection.unusedSession(wishes).catch(() => null);
            if (!ready)
                return;
            const synth = await awake;
            if (asked !== this.asked)
                return;
            this.take = new Take(synth, this.connection, ready, settings(), this.latency);
            for (const plan of this.connection.early)
                this.take.onPlan(plan);
        }
        finally {
            this.starting = false;
            this.rest();
        }
        this.begin(this.take);
    }
    playAgain(recording, style) {
        const { synth } = this.sound;
        this.sound.wake();
        this.replay = new Replay(synth, recording, style, (pitch, down) => {
            if (down)
                this.replayed.add(pitch);
            else
                this.replayed.delete(pitch);
            this.handlers.onKey(pitch, down || this.holders.has(pitch));
        });
        this.begin(this.replay);
    }
    /** Ends what plays; returns whether it was a take. */
    stop() {
        this.asked++;
        const { take, playing } = this;
        if (!playing)
            return false;
        this.stoppedAt = playing.position();
        if (take)
            this.handlers.onTakeEnded(take);
        this.take = this.replay = null;
        this.sound.synth.stop();
        for (const pitch of this.replayed)
            this.handlers.onKey(pitch, this.holders.has(pitch));
        this.replayed.clear();
        this.handlers.onPlaying(false);
        this.rest();
        return take !== null;
    }
    /** Plays what is due; returns the seconds until more is. */
    tick() {
        if (this.replay?.over)
            this.stop();
        return this.playing?.tick() ?? Infinity;
    }
    press(pitch, velocity, when) {
        this.holders.set(pitch, (this.holders.get(pitch) ?? 0) + 1);
        this.sound.press(pitch, velocity);
        this.take?.press(pitch, velocity, secondsSince(when));
        this.handlers.onKey(pitch, true);
    }
    release(pitch, when) {
        const holders = (this.holders.get(pitch) ?? 0) - 1;
        if (holders > 0)
            this.holders.set(pitch, holders);
        else if (this.holders.delete(pitch)) {
            this.sound.release(pitch);
            this.take?.release(pitch, secondsSince(when));
            this.handlers.onKey(pitch, this.replayed.has(pitch));
            this.rest();
        }
    }
    /** A page that nobody looks at keeps no computer awake, unless it is heard. */
    setHidden(hidden) {
        this.hidden = hidden;
        if (hidden)
            this.rest();
        else
            this.sound.wake();
    }
    begin(performance) {
        this.shown = performance;
        this.handlers.onPlaying(true);
    }
    rest() {
        const idle = () => this.hidden && !this.busy && this.holders.size === 0;
        if (!idle())
            return;
        setTimeout(() => {
            if (idle())
                this.sound.sleep();
        }, RINGING_MS);
    }
}
function secondsSince(when) {
    return Math.max(0, performance.now() - when) / 1000;
}
