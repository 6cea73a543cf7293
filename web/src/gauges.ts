/**
 * Two numbers about the last bars: how well the chords fit the melody, and how varied they are.
 * The first is `harmony` of `gapt.evaluation.measures`, but of the chords as they are voiced, which
 * may leave out a fifth; the second the exponential of its `chord_entropy`. Pure.
 */

import type { FrameRecord } from "./ledger.js";

const BARS = 4;

export interface Gauges {
  /** Share of the frames with melody and chord whose note is in the chord; null if none. */
  fit: number | null;
  /** As many chords as there would be if all sounded equally long; 0 in silence. */
  variety: number;
}

export function gauges(frames: readonly FrameRecord[], framesPerBar: number): Gauges {
  let hits = 0;
  let both = 0;
  let sounding = 0;
  const shares = new Map<string, number>();
  for (const { melody, name, notes } of frames.slice(-BARS * framesPerBar)) {
    if (name === null) continue;
    sounding++;
    shares.set(name, (shares.get(name) ?? 0) + 1);
    const pitch = melody?.pitch ?? null;
    if (pitch === null) continue;
    both++;
    if (notes.some((note) => note % 12 === pitch % 12)) hits++;
  }
  let entropy = 0;
  for (const count of shares.values()) entropy -= (count / sounding) * Math.log(count / sounding);
  return { fit: both ? hits / both : null, variety: sounding ? Math.exp(entropy) : 0 };
}
