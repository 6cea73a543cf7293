/**
 * The synth, as the browser lets it sound: made when it is first wanted, silent until the user has
 * clicked or pressed a key, put to sleep while nobody needs it. Knows no page.
 */

import { Synth } from "./synth.js";

/** Browsers may leave it open whether they will let sound out. */
const WAKING_MS = 3000;
/** Keys that nobody hears are complained of after so long: waking takes a moment. */
const MUTED_MS = 300;
/** Seconds that a key sounds which was let go before the browser allowed sound. */
const TAP = 0.3;

/** A key that was pressed while there was no sound. */
interface Unheard {
  readonly pitch: number;
  readonly velocity: number;
  held: boolean;
  heard: boolean;
}

export class Sound {
  /** Null until it is wanted. */
  made: Synth | null = null;
  /** Whether keys are pressed that nobody hears. */
  muted = false;
  private unheard: Unheard[] = [];

  /** @param onMuted is told that keys are pressed but not heard, and when that is over */
  constructor(
    private readonly onMade: (synth: Synth) => void,
    private readonly onMuted: (muted: boolean) => void,
  ) {}

  get synth(): Synth {
    if (this.made) return this.made;
    this.made = new Synth();
    this.onMade(this.made);
    return this.made;
  }

  press(pitch: number, velocity: number): void {
    const { synth } = this;
    if (synth.awake) {
      synth.press(pitch, velocity);
      return;
    }
    // A sleeping clock would gather the notes and play them all at once.
    this.unheard = [...this.unheard, { pitch, velocity, held: true, heard: false }];
    void synth.wake().then(() => this.catchUp(this.unheard), () => undefined);
    setTimeout(() => {
      if (!synth.awake) this.setMuted(true);
    }, MUTED_MS);
  }

  release(pitch: number): void {
    this.made?.release(pitch);
    for (const key of this.unheard) if (key.pitch === pitch) key.held = false;
    this.unheard = this.unheard.filter(({ held }) => held);
  }

  /** To be called when the user does something: browsers let sound begin only then. */
  wake(): void {
    if (!this.made || this.made.awake) return;
    const { unheard } = this; // the end of a touch lets its key go, but is heard all the same
    void this.made.wake().then(() => this.catchUp(unheard), () => undefined);
  }

  /** The synth once it sounds, to be asked for like `wake`. Rejects if the browser lets no sound out. */
  async awake(): Promise<Synth> {
    const { synth } = this;
    await within(WAKING_MS, synth.wake());
    return synth;
  }

  /** Until it is woken nothing sounds, and the computer may go to sleep. */
  sleep(): void {
    void this.made?.sleep();
  }

  private catchUp(unheard: readonly Unheard[]): void {
    this.setMuted(false);
    const { synth } = this;
    for (const key of unheard) {
      if (key.heard) continue;
      key.heard = true;
      synth.press(key.pitch, key.velocity);
      if (!key.held) synth.release(key.pitch, synth.audio.currentTime + TAP);
    }
    this.unheard = this.unheard.filter(({ heard }) => !heard);
  }

  private setMuted(muted: boolean): void {
    if (muted === this.muted) return;
    this.muted = muted;
    this.onMuted(muted);
  }
}

function within<T>(milliseconds: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    promise.then(resolve, reject);
    setTimeout(() => reject(new Error(`nothing for ${milliseconds} ms`)), milliseconds);
  });
}
