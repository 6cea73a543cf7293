/**
 * How a chord is played: as a block, broken, or in a rhythm. Pure: a chord and a place in the bar
 * in, the notes to strike out.
 */

import { FRAMES_PER_BEAT } from "./clock.js";
import { framesPerBar } from "./performance.js";

export const STYLES = ["block", "arpeggio", "rhythm"] as const;
export type Style = (typeof STYLES)[number];

export interface Hit {
  pitch: number;
  /** 0 to 1 */
  velocity: number;
  /** Frames after the frame's start; rolled a little, as a hand does. */
  delay: number;
  /** Frames that it lasts; until the chord ends if infinite. */
  length: number;
  bass: boolean;
}

export interface Place {
  /** Frames since the chord was struck. */
  age: number;
  /** Frames since the downbeat. */
  frame: number;
  beatsPerBar: number;
  /** Seconds that a bar lasts. */
  bar: number;
}

/** After two bars longer than this a piano's chord has died away. */
const LONG_BAR = 3;

/**
 * Whether a chord that is held is let go of and struck again, softer, lest it die away: on every
 * second downbeat, or on each if bars are long.
 */
export function renews({ age, frame, beatsPerBar, bar }: Place): boolean {
  const bars = Math.ceil(age / framesPerBar(beatsPerBar));
  return age > 0 && frame === 0 && (bar > LONG_BAR || bars % 2 === 0);
}

/** What to strike in one frame of a chord. @param notes its voicing, the bass first */
export function hits(style: Style, notes: readonly number[], place: Place): Hit[] {
  const [bass, ...upper] = notes;
  if (bass === undefined) return [];
  if (style === "arpeggio") return arpeggio(bass, upper, place);
  if (style === "rhythm") return rhythm(bass, upper, place);
  return block(bass, upper, place);
}

function root(pitch: number, length: number, velocity = 0.7): Hit {
  return { pitch, velocity, delay: 0, length, bass: true };
}

/** A bass note that is held as long as the chord is. */
function pedal(pitch: number, place: Place): Hit[] {
  if (place.age === 0) return [root(pitch, Infinity)];
  return renews(place) ? [root(pitch, Infinity, 0.58)] : [];
}

function stab(upper: readonly number[], length: number, velocity: number): Hit[] {
  return upper.map((pitch, i) => ({
    pitch,
    velocity: velocity + (i === upper.length - 1 ? 0.08 : 0), // the top note brings out the line
    delay: 0.04 * i,
    length,
    bass: false,
  }));
}

function block(bass: number, upper: readonly number[], place: Place): Hit[] {
  const low = pedal(bass, place);
  return low.length ? [...low, ...stab(upper, Infinity, place.age === 0 ? 0.62 : 0.5)] : [];
}

/** Up and down in eighths over a held bass, the strong ones on the beats. */
function arpeggio(bass: number, upper: readonly number[], place: Place): Hit[] {
  const { age, frame } = place;
  const low = pedal(bass, place);
  if (age > 0 && frame % 2 === 1) return low;
  const up = [...upper, ...upper.slice(1, -1).reverse()];
  // A chord struck between two eighths begins there, and goes on with the next eighth.
  const pitch = up[Math.ceil(age / 2) % up.length];
  if (pitch === undefined) return low;
  const velocity = frame % FRAMES_PER_BEAT === 0 ? 0.64 : 0.5;
  return [...low, { pitch, velocity, delay: 0, length: 6, bass: false }];
}

// Frames after the downbeat at which the right hand plays, and how long.
const CHARLESTON = new Map([[0, 5], [6, 2], [12, 2]]);
const WALTZ = new Map([[4, 3], [8, 3]]);

/** Four: the Charleston over bass on one and three. Three: a waltz. A new chord is always struck. */
function rhythm(bass: number, upper: readonly number[], place: Place): Hit[] {
  const { age, frame, beatsPerBar } = place;
  const three = beatsPerBar === 3;
  const low = age === 0 || frame === 0 || (!three && frame === 8);
  const length = (three ? WALTZ : CHARLESTON).get(frame);
  const high = length ?? (age === 0 && !(three && frame === 0) ? 3 : 0);
  return [
    ...(low ? [root(bass, three ? 10 : 7)] : []),
    ...(high ? stab(upper, high, frame === 0 ? 0.6 : 0.52) : []),
  ];
}
