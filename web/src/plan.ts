/**
 * What the accompanist has said of the frames to come: some of it final, the rest what it would
 * play if the melody went on as it imagines. Pure.
 */

import type { Chord, PlanMessage } from "./protocol.js";

const KEPT = 64; // frames behind the last one heard

export interface Decision {
  /** Audio time. */
  at: number;
  /** The last frame of the melody that the accompanist knew then. */
  heard: number;
}

export class Plan {
  /** Chords of frames before this one are final. */
  committed = 0;
  /** The last frame of the melody that the accompanist knew. */
  heard = -1;
  private readonly chords = new Map<number, Chord>();
  private readonly decisions = new Map<number, Decision>();

  /** @param now audio time */
  update(message: PlanMessage, now: number): void {
    const decision = { at: now, heard: message.frame };
    for (let f = this.committed; f < message.committed; f++) this.decisions.set(f, decision);
    for (const chord of message.chords) this.chords.set(chord.frame, chord);
    this.committed = message.committed;
    this.heard = message.frame;
    for (const map of [this.chords, this.decisions]) {
      for (const frame of map.keys()) if (frame < message.frame - KEPT) map.delete(frame);
    }
  }

  /** When the chord of `frame` became final. */
  decision(frame: number): Decision | undefined {
    return this.decisions.get(frame);
  }

  /** Final or not. */
  at(frame: number): Chord | undefined {
    return this.chords.get(frame);
  }

  /** The chord of `frame` if nothing can change it any more. */
  final(frame: number): Chord | undefined {
    return frame < this.committed ? this.chords.get(frame) : undefined;
  }

  /** From `frame` on, as far as it is known without gaps. */
  from(frame: number): Chord[] {
    const coming = [];
    for (let chord = this.at(frame); chord; chord = this.at(++frame)) coming.push(chord);
    return coming;
  }
}
