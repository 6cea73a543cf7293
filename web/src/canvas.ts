/** A canvas that is as sharp as the screen, and the stage's colours as the style sheet has them. */

import { chordHue } from "./names.js";

export interface Palette {
  line: string;
  note: string;
  ink: string;
  quiet: string;
  background: string;
  lightness: string;
  chroma: string;
  font: string;
}

export class Canvas {
  readonly context: CanvasRenderingContext2D;
  /** CSS pixels. */
  width = 0;
  height = 0;
  private colours: Palette | null = null;
  /** What it shows; null if that has to be drawn again. */
  private shown: readonly unknown[] | null = null;

  constructor(private readonly element: HTMLCanvasElement) {
    this.context = element.getContext("2d")!;
    new ResizeObserver(() => this.resize()).observe(element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
      this.colours = this.shown = null;
    });
  }

  get palette(): Palette {
    return (this.colours ??= this.readPalette());
  }

  /** Clears the canvas for a picture of `what`; false if it already shows that. */
  begin(...what: readonly unknown[]): boolean {
    if (this.shown?.every((each, i) => each === what[i])) return false;
    this.shown = what;
    this.context.globalAlpha = 1;
    this.context.setLineDash([]);
    this.context.clearRect(0, 0, this.width, this.height);
    return true;
  }

  chordColour(name: string): string {
    const { lightness, chroma } = this.palette;
    return `oklch(${lightness} ${chroma} ${chordHue(name)})`;
  }

  private resize(): void {
    this.shown = null;
    const scale = devicePixelRatio || 1;
    this.width = this.element.clientWidth;
    this.height = this.element.clientHeight;
    this.element.width = Math.round(this.width * scale);
    this.element.height = Math.round(this.height * scale);
    this.context.setTransform(scale, 0, 0, scale, 0, 0);
  }

  private readPalette(): Palette {
    const style = getComputedStyle(this.element);
    const read = (name: string): string => style.getPropertyValue(name).trim();
    return {
      line: read("--line"),
      note: read("--melody"),
      ink: read("--chord-ink"),
      quiet: read("--quiet"),
      background: read("--background"),
      lightness: read("--chord-lightness"),
      chroma: read("--chord-chroma"),
      font: style.fontFamily,
    };
  }
}
