/**
 * How late a player's hands are behind the click of the audio clock: by what the loudspeaker, the
 * keyboard and the browser add. Tapped along with a click, and the middle of the taps taken.
 */

import { AHEAD, AudioClock } from "./clock.js";
import type { Synth } from "./synth.js";

const BPM = 100;
const PERIOD = 60 / BPM;
export const TAPS = 10;

export class Calibration {
  private readonly clock: AudioClock;
  private readonly start: number;
  private readonly offsets: number[] = [];
  private next = 0;

  constructor(private readonly synth: Synth) {
    this.clock = new AudioClock(synth.audio);
    this.start = this.clock.now() + 0.3;
  }

  get taps(): number {
    return this.offsets.length;
  }

  /** Returns the seconds until the next click has to be handed to the audio clock. */
  tick(): number {
    const soon = this.clock.now() + AHEAD;
    const at = this.start + this.next * PERIOD;
    if (at > soon) return at - soon;
    this.synth.click(at, this.next % 4 === 0);
    this.next++;
    return at + PERIOD - soon;
  }

  /**
   * A tap, `ago` seconds ago. Returns the offset in seconds once there are enough: the median.
   * Taps are taken to be up to a quarter beat early, otherwise late: no player is ahead by more.
   */
  tap(ago: number): number | null {
    const beats = (this.clock.now() - ago - this.start) / PERIOD;
    if (beats < -0.25) return null;
    this.offsets.push((((beats + 0.25) % 1) - 0.25) * PERIOD);
    if (this.offsets.length < TAPS) return null;
    // The first two are for finding in.
    const settled = this.offsets.slice(2).sort((a, b) => a - b);
    const middle = settled.length / 2;
    return (settled[Math.floor(middle - 0.5)]! + settled[Math.floor(middle)]!) / 2;
  }
}

/** Beats per minute from the times of taps in seconds; null from fewer than three close ones. */
export class TapTempo {
  private times: number[] = [];

  tap(when: number): number | null {
    if (when - (this.times[this.times.length - 1] ?? -Infinity) > 2) this.times = [];
    this.times = [...this.times.slice(-7), when];
    if (this.times.length < 3) return null;
    return (60 * (this.times.length - 1)) / (when - this.times[0]!);
  }
}
