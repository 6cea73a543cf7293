/**
 * The accompanist's hands: plays the chord of each frame on the synth, in the style that is chosen.
 * The same for a take and for its replay.
 */

import type { Transport } from "./clock.js";
import { hits, type Style } from "./comping.js";
import { framesPerBar } from "./performance.js";
import type { Synth } from "./synth.js";

export class Accompaniment {
  private struck = 0;
  private sounds = false;

  constructor(
    private readonly synth: Synth,
    private readonly transport: Transport,
    private readonly beatsPerBar: number,
    public style: Style,
  ) {}

  /**
   * @param notes the chord of `frame`, none if it is silent
   * @param onset whether it is struck in `frame`
   * @param at audio time: the frame's start, or a little later
   */
  play(frame: number, notes: readonly number[], onset: boolean, at: number): void {
    if (onset || (this.sounds && notes.length === 0)) this.synth.rest(at);
    if (onset) this.struck = frame;
    this.sounds = notes.length > 0;
    const bar = framesPerBar(this.beatsPerBar);
    const period = this.transport.timeOf(frame + 1) - this.transport.timeOf(frame);
    const place = { age: frame - this.struck, frame: frame % bar, beatsPerBar: this.beatsPerBar };
    for (const hit of hits(this.style, notes, place)) {
      const start = at + hit.delay * period;
      this.synth.strike(hit.pitch, hit.velocity, hit.bass, start, start + hit.length * period);
    }
  }
}
