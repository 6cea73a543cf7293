/**
 * What plays, and who: begins takes and replays and ends them, and hands the keys to the sound and to
 * the take. Knows no page.
 */

import type { Style } from "./comping.js";
import type { Connection, Wishes } from "./connection.js";
import type { NoteListener } from "./input.js";
import type { Performance, Recording } from "./performance.js";
import { Replay } from "./replay.js";
import { Sound } from "./sound.js";
import type { Synth } from "./synth.js";
import { Take, type TakeSettings } from "./take.js";

/** What was played last rings for so long. */
const RINGING_MS = 1500;

export interface PlayerHandlers {
  /** The synth has just been made. */
  onSynth(synth: Synth): void;
  /** Keys are pressed, but the browser lets nobody hear them; or that is over. */
  onMuted(muted: boolean): void;
  /** A pitch is held down, by the player or in a replay, or no longer. */
  onKey(pitch: number, down: boolean): void;
  /** A take or a replay has begun; or it has ended. */
  onPlaying(playing: boolean): void;
  onTakeEnded(take: Take): void;
}

export class Player implements NoteListener {
  readonly sound: Sound;
  take: Take | null = null;
  replay: Replay | null = null;
  /** What plays, or played last: the roll still shows it. */
  shown: Performance | null = null;
  private starting = false;
  /** Of starts and stops: a start goes through unless something else was asked for meanwhile. */
  private asked = 0;
  private stoppedAt = 0;
  private hidden = false;
  /** How many keys hold a pitch: two fingers, a key of the computer's and one of the page's. */
  private readonly holders = new Map<number, number>();
  private readonly replayed = new Set<number>();

  constructor(
    private readonly connection: Connection,
    private readonly latency: () => number,
    private readonly handlers: PlayerHandlers,
  ) {
    this.sound = new Sound(handlers.onSynth, handlers.onMuted);
  }

  get playing(): Take | Replay | null {
    return this.take ?? this.replay;
  }

  /** Whether something plays or is about to. */
  get busy(): boolean {
    return this.playing !== null || this.starting;
  }

  /** In frames, of what is heard now; where it stopped, if it has. */
  position(): number {
    return this.playing?.position() ?? this.stoppedAt;
  }

  /**
   * Begins a take, if there is a session for it. Rejects if the browser lets no sound out.
   *
   * @param settings asked for when it begins
   */
  async start(wishes: Wishes, settings: () => TakeSettings): Promise<void> {
    this.starting = true;
    const asked = ++this.asked;
    try {
      // Asked for before anything is waited for: only then is it what the user has just done.
      const awake = this.sound.awake();
      awake.catch(() => undefined); // perhaps nobody waits for it any more
      const ready = await this.connection.unusedSession(wishes).catch(() => null);
      if (!ready) return;
      const synth = await awake;
      if (asked !== this.asked) return;
      this.take = new Take(synth, this.connection, ready, settings(), this.latency);
      for (const plan of this.connection.early) this.take.onPlan(plan);
    } finally {
      this.starting = false;
      this.rest();
    }
    this.begin(this.take);
  }

  playAgain(recording: Recording, style: Style): void {
    const { synth } = this.sound;
    this.sound.wake();
    this.replay = new Replay(synth, recording, style, (pitch, down) => {
      if (down) this.replayed.add(pitch);
      else this.replayed.delete(pitch);
      this.handlers.onKey(pitch, down || this.holders.has(pitch));
    });
    this.begin(this.replay);
  }

  /** Ends what plays; returns whether it was a take. */
  stop(): boolean {
    this.asked++;
    const { take, playing } = this;
    if (!playing) return false;
    this.stoppedAt = playing.position();
    if (take) this.handlers.onTakeEnded(take);
    this.take = this.replay = null;
    this.sound.synth.stop();
    for (const pitch of this.replayed) this.handlers.onKey(pitch, this.holders.has(pitch));
    this.replayed.clear();
    this.handlers.onPlaying(false);
    this.rest();
    return take !== null;
  }

  /** Plays what is due; returns the seconds until more is. */
  tick(): number {
    if (this.replay?.over) this.stop();
    return this.playing?.tick() ?? Infinity;
  }

  press(pitch: number, velocity: number, when: number): void {
    this.holders.set(pitch, (this.holders.get(pitch) ?? 0) + 1);
    this.sound.press(pitch, velocity);
    this.take?.press(pitch, velocity, secondsSince(when));
    this.handlers.onKey(pitch, true);
  }

  release(pitch: number, when: number): void {
    const holders = (this.holders.get(pitch) ?? 0) - 1;
    if (holders > 0) this.holders.set(pitch, holders);
    else if (this.holders.delete(pitch)) {
      this.sound.release(pitch);
      this.take?.release(pitch, secondsSince(when));
      this.handlers.onKey(pitch, this.replayed.has(pitch));
      this.rest();
    }
  }

  /** A page that nobody looks at keeps no computer awake, unless it is heard. */
  setHidden(hidden: boolean): void {
    this.hidden = hidden;
    if (hidden) this.rest();
    else this.sound.wake();
  }

  private begin(performance: Performance): void {
    this.shown = performance;
    this.handlers.onPlaying(true);
  }

  private rest(): void {
    const idle = (): boolean => this.hidden && !this.busy && this.holders.size === 0;
    if (!idle()) return;
    setTimeout(() => {
      if (idle()) this.sound.sleep();
    }, RINGING_MS);
  }
}

function secondsSince(when: number): number {
  return Math.max(0, performance.now() - when) / 1000;
}
