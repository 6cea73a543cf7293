/**
 * How often the stage may be painted. The music comes first: while many ticks come late, ever less
 * often, in the end four times a second; when few have for a while, more often again, and after a
 * longer while if that was too much the last time.
 *
 * Knows only when ticks came.
 */

const LATE_MS = 12;
const WINDOW_MS = 1000;
/** Late ticks in a window that call for slower painting. A few come late whatever is painted. */
const MANY = 2;
/** So many, a quarter of them, call for the slowest at once. */
const FAR_TOO_MANY = 8;
/** Windows in a row with few of them, before more is painted; more of them if that was in vain. */
const LEAST_PATIENCE = 4;
const MOST_PATIENCE = 64;
const PAUSES_MS = [0, 16, 40, 100, 250];

export class Pace {
  private level = 0;
  private windowAt = -Infinity;
  private late = 0;
  private calm = 0;
  private patience = LEAST_PATIENCE;
  private rising = false;

  /** Milliseconds to wait before the next picture. */
  get pause(): number {
    return PAUSES_MS[this.level]!;
  }

  /** Whether even the slowest painting may not leave the music time enough. */
  get strained(): boolean {
    return this.level === PAUSES_MS.length - 1;
  }

  /**
   * @param now when a tick came, in milliseconds
   * @param due when it should have come
   */
  tick(now: number, due: number): void {
    if (now - due > LATE_MS) this.late++;
    if (now - this.windowAt < WINDOW_MS) return;
    if (this.late >= MANY) this.slower();
    else if (++this.calm >= this.patience) this.faster();
    this.windowAt = now;
    this.late = 0;
  }

  private slower(): void {
    if (this.rising) this.patience = Math.min(2 * this.patience, MOST_PATIENCE);
    this.rising = false;
    this.calm = 0;
    const slowest = PAUSES_MS.length - 1;
    this.level = this.late < FAR_TOO_MANY ? Math.min(this.level + 1, slowest) : slowest;
  }

  private faster(): void {
    this.rising = this.level > 0;
    if (!this.rising) this.patience = LEAST_PATIENCE;
    this.level = Math.max(this.level - 1, 0);
  }
}
