/** Paints the stage once a screen frame, or as often as the music leaves time for it. */

import type { Connection } from "./connection.js";
import { gauges } from "./gauges.js";
import type { Pace } from "./pace.js";
import { framesPerBar } from "./performance.js";
import type { Player } from "./player.js";
import type { Stage } from "./stage.js";
import type { Take } from "./take.js";
import { Timing } from "./timing.js";

const READINGS_MS = 400;
/** Between pictures while nothing plays: shorter than it takes until a take begins. */
const RESTING_MS = 100;

export class Painting {
  private readonly timing = new Timing();
  private lastReadingAt = -Infinity;

  constructor(
    private readonly stage: Stage,
    private readonly player: Player,
    private readonly connection: Connection,
    private readonly pace: Pace,
  ) {
    this.ask();
  }

  private ask(): void {
    requestAnimationFrame((now) => this.paint(now));
  }

  private paint(now: number): void {
    const { stage, player, pace } = this;
    const { take, playing, shown } = player;
    const pause = playing ? pace.pause : RESTING_MS;
    if (pause) setTimeout(() => this.ask(), pause);
    else this.ask();
    stage.draw(shown, player.position(), playing !== null);
    if (!playing || now - this.lastReadingAt <= READINGS_MS) return;
    this.lastReadingAt = now;
    if (take) this.read(take);
    else this.clear();
  }

  /** They are of what is played now, not of what is played again. */
  private clear(): void {
    this.stage.showGauges({ fit: null, variety: 0 });
    this.timing.clear();
  }

  private read(take: Take): void {
    const told = take.ledger.frames.filter(({ melody }) => melody !== null);
    this.stage.showGauges(gauges(told, framesPerBar(take.beatsPerBar)));
    this.timing.show(take, this.connection.latency);
  }
}
