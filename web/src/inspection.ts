/** For the curious, in the console: `gapt` tells what the current or last take did, frame by frame. */

import type { Connection } from "./connection.js";
import type { Ledger } from "./ledger.js";
import type { Recording } from "./performance.js";
import type { Player } from "./player.js";
import { Take } from "./take.js";

export function offerInspection(player: Player, connection: Connection): void {
  const take = (): Take | null => (player.shown instanceof Take ? player.shown : null);
  const inspection = {
    get playing(): boolean {
      return player.playing !== null;
    },
    /** In frames; negative in the count-in. */
    get position(): number {
      return player.position();
    },
    /** Every frame, and how many were late. */
    get ledger(): Ledger | null {
      return take()?.ledger ?? null;
    },
    /** What the last take would be kept as, now. */
    get recording(): Recording | null {
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
    get loaded(): Promise<void> | undefined {
      return player.sound.made?.loaded;
    },
  };
  Object.defineProperty(window, "gapt", { value: inspection });
}
