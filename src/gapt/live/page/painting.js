/** Paints the stage once a screen frame, or as often as the music leaves time for it. */
import { gauges } from "./gauges.js";
import { framesPerBar } from "./performance.js";
import { Timing } from "./timing.js";
const READINGS_MS = 400;
/** Between pictures while nothing plays: shorter than it takes until a take begins. */
const RESTING_MS = 100;
export class Painting {
    stage;
    player;
    connection;
    pace;
    timing = new Timing();
    lastReadingAt = -Infinity;
    constructor(stage, player, connection, pace) {
        this.stage = stage;
        this.player = player;
        this.connection = connection;
        this.pace = pace;
        this.ask();
    }
    ask() {
        requestAnimationFrame((now) => this.paint(now));
    }
    paint(now) {
        const { stage, player, pace } = this;
        const { take, playing, shown } = player;
        const pause = playing ? pace.pause : RESTING_MS;
        if (pause)
            setTimeout(() => this.ask(), pause);
        else
            this.ask();
        stage.draw(shown, player.position(), playing !== null);
        if (!playing || now - this.lastReadingAt <= READINGS_MS)
            return;
        this.lastReadingAt = now;
        if (take)
            this.read(take);
        else
            this.clear();
    }
    /** They are of what is played now, not of what is played again. */
    clear() {
        this.stage.showGauges({ fit: null, variety: 0 });
        this.timing.clear();
    }
    read(take) {
        const told = take.ledger.frames.filter(({ melody }) => melody !== null);
        this.stage.showGauges(gauges(told, framesPerBar(take.beatsPerBar)));
        this.timing.show(take, this.connection.latency);
    }
}
