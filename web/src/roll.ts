/**
 * The moving roll: the last four bars on a canvas, the player's notes as they were played, the
 * chords' notes behind them, and their names below.
 *
 * Draws what it is given; knows no sound and no network.
 */

import { FRAMES_PER_BAR, FRAMES_PER_BEAT } from "./clock.js";
import { chordHue, chordParts, displayName } from "./names.js";
import type { Take } from "./take.js";

const PAST = 4 * FRAMES_PER_BAR;
const FUTURE = 5;
const LANE = 32; // CSS pixels for the chord names
const MIN_PITCH = 52;
const MAX_PITCH = 80;

interface Palette {
  line: string;
  note: string;
  ink: string;
  lightness: string;
  chroma: string;
  font: string;
}

export class Roll {
  private readonly context: CanvasRenderingContext2D;
  private palette: Palette | null = null;
  private width = 0;
  private height = 0;
  private low = MIN_PITCH;
  private high = MAX_PITCH;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext("2d")!;
    new ResizeObserver(() => this.resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.palette = null;
    });
  }

  draw(take: Take | null, position: number): void {
    const c = this.context;
    const palette = (this.palette ??= this.readPalette());
    const left = position - PAST;
    const x = (frame: number): number => ((frame - left) / (PAST + FUTURE)) * this.width;
    const floor = this.height - LANE;
    c.clearRect(0, 0, this.width, this.height);

    c.fillStyle = palette.line;
    const firstBeat = Math.ceil(left / FRAMES_PER_BEAT) * FRAMES_PER_BEAT;
    for (let frame = firstBeat; frame <= position + FUTURE; frame += FRAMES_PER_BEAT) {
      c.globalAlpha = frame % FRAMES_PER_BAR === 0 ? 0.9 : 0.3;
      c.fillRect(Math.round(x(frame)), 0, 1, floor - 4);
    }
    c.globalAlpha = 1;
    if (take) {
      this.fitPitches(take, left);
      this.drawChords(take, position, left, x, floor, palette);
      this.drawMelody(take, position, left, x, floor, palette);
    }
    c.fillStyle = palette.note;
    c.globalAlpha = 0.5;
    c.fillRect(Math.round(x(position)), 0, 1.5, this.height);
    c.globalAlpha = 1;
  }

  private drawChords(
    take: Take,
    position: number,
    left: number,
    x: (frame: number) => number,
    floor: number,
    palette: Palette,
  ): void {
    const c = this.context;
    for (let i = take.chords.length - 1; i >= 0; i--) {
      const chord = take.chords[i]!;
      const end = Math.min(take.chords[i + 1]?.frame ?? position, position);
      if (end < left) break;
      if (chord.name === null || chord.frame > position) continue;
      const from = x(chord.frame);
      const width = Math.max(2, x(end) - from - 2);
      const colour = `oklch(${palette.lightness} ${palette.chroma} ${chordHue(chord.name)})`;
      c.fillStyle = colour;
      c.globalAlpha = 0.45;
      for (const pitch of chord.notes.slice(1)) this.bar(from, pitch, width, floor);
      c.globalAlpha = 1;
      c.beginPath();
      c.roundRect(from, floor, width, LANE, 6);
      c.fill();
      c.font = `600 15px ${palette.font}`;
      c.textBaseline = "middle";
      // The name, or its root, stays in sight while its chord scrolls out on the left.
      const text = Math.max(from, 0) + 7;
      const room = from + width - 4 - text;
      const { root, accidental } = chordParts(chord.name);
      const name = [displayName(chord.name), root + accidental].find(
        (candidate) => c.measureText(candidate).width <= room,
      );
      c.fillStyle = palette.ink;
      if (name) c.fillText(name, text, floor + LANE / 2 + 1);
    }
  }

  private drawMelody(
    take: Take,
    position: number,
    left: number,
    x: (frame: number) => number,
    floor: number,
    palette: Palette,
  ): void {
    const c = this.context;
    c.fillStyle = palette.note;
    for (let i = take.played.length - 1; i >= 0 && i >= take.played.length - 200; i--) {
      const note = take.played[i]!;
      const to = note.to ?? position;
      if (to < left) continue;
      const from = x(note.from);
      this.bar(from, note.pitch, Math.max(4, x(to) - from), floor);
    }
  }

  private bar(from: number, pitch: number, width: number, floor: number): void {
    const c = this.context;
    const step = (floor - 8) / (this.high - this.low + 1);
    const height = Math.max(4, Math.min(10, step * 0.9));
    const y = floor - 6 - (pitch - this.low + 0.5) * step - height / 2;
    c.beginPath();
    c.roundRect(from, y, width, height, height / 2);
    c.fill();
  }

  /** The pitch range follows what is in sight, unhurriedly. */
  private fitPitches(take: Take, left: number): void {
    let low = MIN_PITCH;
    let high = MAX_PITCH;
    for (const note of take.played.slice(-200)) {
      if ((note.to ?? Infinity) < left) continue;
      low = Math.min(low, note.pitch - 1);
      high = Math.max(high, note.pitch + 1);
    }
    this.low += (low - this.low) * 0.1;
    this.high += (high - this.high) * 0.1;
  }

  private resize(): void {
    const scale = devicePixelRatio || 1;
    this.width = this.canvas.clientWidth;
    this.height = this.canvas.clientHeight;
    this.canvas.width = Math.round(this.width * scale);
    this.canvas.height = Math.round(this.height * scale);
    this.context.setTransform(scale, 0, 0, scale, 0, 0);
  }

  private readPalette(): Palette {
    const style = getComputedStyle(this.canvas);
    const read = (name: string): string => style.getPropertyValue(name).trim();
    return {
      line: read("--line"),
      note: read("--melody"),
      ink: read("--chord-ink"),
      lightness: read("--chord-lightness"),
      chroma: read("--chord-chroma"),
      font: style.fontFamily,
    };
  }
}
